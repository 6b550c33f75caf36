package server

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"buf.build/go/protovalidate"
	"connectrpc.com/connect"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// validator checks requests by the rules of the protos, and by those of rules.go that no proto rule can express.
type validator struct {
	rules protovalidate.Validator
}

func newValidator() (*validator, error) {
	rules, err := protovalidate.New()
	if err != nil {
		return nil, fmt.Errorf("compile the rules of the protos: %w", err)
	}
	return &validator{rules}, nil
}

// check answers the first violation in the order of the fields as the contract words it (`invalid field key: must not be
// empty`), with all of them as details: of a request of ours as a google.rpc.BadRequest, and the documents in it included.
func (v *validator) check(request proto.Message) error {
	found, err := v.violations(request)
	if err != nil {
		return err
	}
	if isOurs(request.ProtoReflect().Descriptor()) {
		return v.checkOurs(request, found)
	}
	if len(found) == 0 {
		return nil
	}
	answer := connect.NewError(connect.CodeInvalidArgument, errors.New(found[0].text))
	details := new(validate.Violations)
	for _, one := range found {
		details.Violations = append(details.Violations, one.detail)
	}
	if detail, err := connect.NewErrorDetail(details); err == nil {
		answer.AddDetail(detail)
	}
	return answer
}

// maxFieldViolations bounds the details of an error, which travel in a trailer over gRPC.
const maxFieldViolations = 20

func (v *validator) checkOurs(request proto.Message, found []violation) error {
	var fields []*errdetails.BadRequest_FieldViolation
	add := func(place string, found []violation) {
		for _, one := range found {
			fields = append(fields, one.at(place))
		}
	}
	add("", found)
	for _, p := range partsOf("", request.ProtoReflect()) {
		if len(fields) >= maxFieldViolations {
			break
		}
		found, err := v.violations(p.request)
		if err != nil {
			return err
		}
		add(p.place, found)
	}
	if len(fields) == 0 {
		return nil
	}
	fields = fields[:min(len(fields), maxFieldViolations)]
	text := fields[0].Description
	if fields[0].Field != "" {
		text = "invalid field " + fields[0].Field + ": " + text
	}
	return badRequest(errors.New(text), fields)
}

// violations returns what is wrong with a request, in the order in which the contract checks.
func (v *validator) violations(request proto.Message) ([]violation, error) {
	var found []violation
	if err := v.rules.Validate(request); err != nil {
		var broken *protovalidate.ValidationError
		if !errors.As(err, &broken) {
			return nil, fmt.Errorf("validate %s: %w", request.ProtoReflect().Descriptor().FullName(), err)
		}
		for _, one := range broken.Violations {
			found = append(found, describe(request.ProtoReflect().Descriptor(), one))
		}
	}
	if found = append(found, codeRules(request)...); len(found) > 1 {
		slices.SortStableFunc(found, func(a, b violation) int { return cmp.Compare(a.order, b.order) })
	}
	return found, nil
}

// violation is a broken rule with its place in the order in which the contract checks.
type violation struct {
	order  int
	path   string // of the field in its request
	text   string
	detail *validate.Violation
}

// at is the violation in a request of ours, in which the request that it was found in has a place: its field without the
// words of the contract around it.
func (v violation) at(place string) *errdetails.BadRequest_FieldViolation {
	text := v.text
	if rest, ok := strings.CutPrefix(text, "invalid field "); ok {
		_, text, _ = strings.Cut(rest, ": ")
	}
	return &errdetails.BadRequest_FieldViolation{Field: join(place, v.path), Description: text}
}

// describe words a violation. A rule of a whole message carries its text, and its id begins with the field that it
// concerns.
func describe(message protoreflect.MessageDescriptor, broken *protovalidate.Violation) violation {
	path := broken.Proto.GetField().GetElements()
	first, _, _ := strings.Cut(broken.Proto.GetRuleId(), ".")
	if len(path) > 0 {
		first = path[0].GetFieldName()
	}
	v := violation{detail: broken.Proto, text: broken.Proto.GetMessage(), path: jsonPath(message, path)}
	if field := message.Fields().ByName(protoreflect.Name(first)); field != nil {
		v.order = fieldOrder(field)
	}
	if broken.RuleDescriptor != nil {
		v.text = fmt.Sprintf("invalid field %s: %s", v.path, reason(broken, len(path) > 1))
	} else if field := message.Fields().ByName(protoreflect.Name(first)); field != nil && len(path) == 0 {
		v.path = field.JSONName()
	}
	return v
}

// fieldOrder leaves room for a rule before the others of the same field.
func fieldOrder(field protoreflect.FieldDescriptor) int { return 2*field.Index() + 1 }

// reason words what a field lacks.
func reason(broken *protovalidate.Violation, nested bool) string {
	switch broken.Proto.GetRuleId() {
	case "string.min_len", "required":
		return "must not be empty"
	case "string.pattern":
		return "contains invalid characters"
	case "string.max_bytes":
		return fmt.Sprintf("must be less than %d KB", broken.RuleValue.Uint()/1024)
	case "repeated.min_items":
		return fmt.Sprintf("must contain atleast %d elements", broken.RuleValue.Uint())
	case "int32.gt":
		return fmt.Sprintf("must be greater than %d", broken.RuleValue.Int())
	case "float.gte_lte":
		if nested {
			return "must be within range [0, 100]"
		}
		if broken.FieldValue.Float() > 100 {
			return "must be less than or equal to '100'"
		}
		return "must be greater than or equal to '0'"
	}
	return broken.Proto.GetMessage()
}

// jsonPath writes a path as JSON clients know its members: `threshold.percentage`.
func jsonPath(message protoreflect.MessageDescriptor, path []*validate.FieldPathElement) string {
	var b strings.Builder
	for i, element := range path {
		if i > 0 {
			b.WriteByte('.')
		}
		name := element.GetFieldName()
		if message != nil {
			if field := message.Fields().ByName(protoreflect.Name(name)); field != nil {
				name, message = field.JSONName(), field.Message()
			}
		}
		b.WriteString(name)
		if element.HasIndex() {
			fmt.Fprintf(&b, "[%d]", element.GetIndex())
		}
	}
	return b.String()
}
