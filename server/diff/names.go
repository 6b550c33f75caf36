package diff

import (
	"slices"

	"google.golang.org/protobuf/types/known/structpb"
)

// join puts a member behind the path of what it belongs to.
func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// sortedNames returns the names of the members of either object, each once.
func sortedNames(a, b map[string]*structpb.Value) []string {
	names := make([]string, 0, len(a)+len(b))
	for name := range a {
		names = append(names, name)
	}
	for name := range b {
		if _, both := a[name]; !both {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}
