package rest

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
)

// route is one REST binding of an rpc.
type route struct {
	verb     string
	template []segment
	// Whether there is a request body, and whether that is the whole message.
	hasBody, bodyIsMessage bool
	// Whether the body of the request, or of the response, is a google.api.HttpBody and so taken as it is.
	rawRequest, rawResponse bool
	// Whether the body of the response is the whole message.
	wholeResponse bool
	// What query parameters may set.
	query  []protoreflect.FieldDescriptor
	output protoreflect.MessageType
	// Whether the rpc is one of our own services: errors keep their details, and a failed precondition is a 412.
	ours bool
	// Of a route whose body is all that its handler needs: the path of its rpc, and its handler, to which it goes without
	// vanguard. Otherwise empty and nil.
	procedure string
	direct    http.Handler
}

// segment is a part of a path: literal text, or a variable that takes any.
type segment struct {
	text     string
	variable bool
}

// node is a place in the tree of paths.
type node struct {
	literals map[string]*node
	variable *node
	// By HTTP method.
	routes map[string]*route
}

// plainRoute is a busy route: it has no variables and goes without vanguard. Its path stands in the URL as it is.
type plainRoute struct {
	path []string
	to   *route
}

// addPlain adds the plain routes below a node, by their paths.
func (n *node) addPlain(to map[string]plainRoute) {
	for _, r := range n.routes {
		if r.direct == nil || r.hasFlagKey() {
			continue
		}
		path := make([]string, len(r.template))
		for i, s := range r.template {
			path[i] = s.text
		}
		to["/"+strings.Join(path, "/")] = plainRoute{path, r}
	}
	for _, next := range n.literals {
		next.addPlain(to)
	}
	if n.variable != nil {
		n.variable.addPlain(to)
	}
}

// find returns the route of a path, and whether any method has one. A literal goes before a variable, as long as it has
// the method; an empty segment fits neither.
func (n *node) find(path []string, verb string) (found *route, known bool) {
	if len(path) == 0 {
		return n.routes[verb], len(n.routes) > 0
	}
	if next := n.literals[path[0]]; next != nil {
		if found, known = next.find(path[1:], verb); found != nil {
			return found, true
		}
	}
	if n.variable == nil || path[0] == "" {
		return nil, known
	}
	found, alsoKnown := n.variable.find(path[1:], verb)
	return found, known || alsoKnown
}

func (n *node) insert(r *route) error {
	for _, s := range r.template {
		n = n.child(s)
	}
	if n.routes == nil {
		n.routes = map[string]*route{}
	}
	if n.routes[r.verb] != nil {
		return fmt.Errorf("two bindings of %s", r.verb)
	}
	n.routes[r.verb] = r
	return nil
}

func (n *node) child(s segment) *node {
	if s.variable {
		if n.variable == nil {
			n.variable = &node{}
		}
		return n.variable
	}
	if n.literals == nil {
		n.literals = map[string]*node{}
	}
	if n.literals[s.text] == nil {
		n.literals[s.text] = &node{}
	}
	return n.literals[s.text]
}

// addService adds the bindings of a service with its handler. It reports whether one of them has a google.api.HttpBody, whose
// bytes JSON would have to spell out.
func (n *node) addService(service protoreflect.ServiceDescriptor, handler http.Handler) (raw bool, err error) {
	methods := service.Methods()
	for i := range methods.Len() {
		method := methods.Get(i)
		for _, rule := range bindings(method) {
			r, err := newRoute(method, rule)
			if err != nil {
				return false, fmt.Errorf("binding of %s: %w", method.FullName(), err)
			}
			if err := n.insert(r); err != nil {
				return false, fmt.Errorf("binding of %s: %w", method.FullName(), err)
			}
			if r.bodyIsAll() {
				r.procedure, r.direct = "/"+string(service.FullName())+"/"+string(method.Name()), handler
			}
			raw = raw || r.rawRequest || r.rawResponse
		}
	}
	return raw, nil
}

func bindings(method protoreflect.MethodDescriptor) []*annotations.HttpRule {
	if !proto.HasExtension(method.Options(), annotations.E_Http) {
		return nil
	}
	rule := proto.GetExtension(method.Options(), annotations.E_Http).(*annotations.HttpRule)
	return append([]*annotations.HttpRule{rule}, rule.GetAdditionalBindings()...)
}

func newRoute(method protoreflect.MethodDescriptor, rule *annotations.HttpRule) (*route, error) {
	verb, path := pattern(rule)
	template, err := parseTemplate(path)
	if err != nil {
		return nil, err
	}
	output, err := protoregistry.GlobalTypes.FindMessageByName(method.Output().FullName())
	if err != nil {
		return nil, fmt.Errorf("response message: %w", err)
	}
	r := &route{
		verb:          verb,
		template:      template,
		hasBody:       rule.GetBody() != "",
		bodyIsMessage: rule.GetBody() == "*",
		rawRequest:    isHTTPBody(method.Input(), rule.GetBody()),
		rawResponse:   isHTTPBody(method.Output(), rule.GetResponseBody()),
		wholeResponse: rule.GetResponseBody() == "",
		output:        output,
		ours:          strings.HasPrefix(string(method.FullName()), "burgee."),
	}
	if r.bodyIsMessage {
		return r, nil
	}
	fields := method.Input().Fields()
	for i := range fields.Len() {
		field := fields.Get(i)
		name := string(field.Name())
		inPath := slices.Contains(template, segment{text: name, variable: true})
		if name != rule.GetBody() && !inPath && isParameter(field) {
			r.query = append(r.query, field)
		}
	}
	return r, nil
}

// bodyIsAll says whether the body is all of the request, and the response all of the answer. The one variable of an OFREP path
// is written into the body with its context. Errors of our own services are left to vanguard, which spells their details out.
func (r *route) bodyIsAll() bool {
	variables := 0
	for _, s := range r.template {
		if s.variable {
			variables++
		}
	}
	return r.verb == http.MethodPost && r.bodyIsMessage && !r.rawRequest && !r.rawResponse && r.wholeResponse && !r.ours &&
		(variables == 0 || r.hasFlagKey() && variables == 1)
}

// hasFlagKey says whether a route is that of an OFREP evaluation of one flag.
func (r *route) hasFlagKey() bool {
	return len(r.template) == len(flagsPath)+1 && r.template[0].text == flagsPath[0] && r.template[len(flagsPath)] == segment{"key", true}
}

func pattern(rule *annotations.HttpRule) (verb, path string) {
	switch p := rule.GetPattern().(type) {
	case *annotations.HttpRule_Get:
		return http.MethodGet, p.Get
	case *annotations.HttpRule_Put:
		return http.MethodPut, p.Put
	case *annotations.HttpRule_Post:
		return http.MethodPost, p.Post
	case *annotations.HttpRule_Delete:
		return http.MethodDelete, p.Delete
	case *annotations.HttpRule_Patch:
		return http.MethodPatch, p.Patch
	default:
		return rule.GetCustom().GetKind(), rule.GetCustom().GetPath()
	}
}

// parseTemplate takes the simple form of path templates, whose variables are whole segments.
func parseTemplate(path string) ([]segment, error) {
	texts := strings.Split(strings.TrimPrefix(path, "/"), "/")
	if !isMounted(texts) {
		return nil, fmt.Errorf("path %q lies in none of the groups that are served", path)
	}
	template := make([]segment, len(texts))
	for i, text := range texts {
		name, isVariable := text, strings.HasPrefix(text, "{") && strings.HasSuffix(text, "}")
		if isVariable {
			name = text[1 : len(text)-1]
		}
		if name == "" || strings.ContainsAny(name, "{}*=:.%") {
			return nil, fmt.Errorf("path %q has a segment %q of a kind that is not supported", path, text)
		}
		template[i] = segment{text: name, variable: isVariable}
	}
	return template, nil
}

func isHTTPBody(message protoreflect.MessageDescriptor, field string) bool {
	if field != "" && field != "*" {
		message = message.Fields().ByName(protoreflect.Name(field)).Message()
	}
	return message != nil && message.FullName() == "google.api.HttpBody"
}

// isMounted says whether a path lies in a group of the API. What lies outside belongs to the fallback.
func isMounted(path []string) bool {
	switch path[0] {
	case "ofrep", "meta":
		return true
	case "api", "evaluate", "internal", "auth":
		return len(path) > 1 && path[1] == "v1"
	}
	return false
}

// splitPath returns the decoded segments of a path, of which there is at least one.
func splitPath(u *url.URL) []string {
	path := strings.Split(strings.TrimPrefix(u.EscapedPath(), "/"), "/")
	for i, text := range path {
		// A URL that was parsed has no malformed escapes.
		if decoded, err := url.PathUnescape(text); err == nil {
			path[i] = decoded
		}
	}
	return path
}

// expand writes the path of a request to a route in the way that vanguard reads it: literals as they are, and variables
// wholly encoded, so that it finds neither a literal nor a verb in them.
func (r *route) expand(path []string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i, s := range r.template {
		b.WriteByte('/')
		if !s.variable {
			b.WriteString(s.text)
			continue
		}
		for _, c := range []byte(path[i]) {
			b.WriteByte('%')
			b.WriteByte(hex[c>>4])
			b.WriteByte(hex[c&15])
		}
	}
	return b.String()
}
