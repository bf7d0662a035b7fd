package option

import (
	"reflect"
	"strings"

	"github.com/caddyserver/caddy/v2"
)

// An Info is what the reference says of an option.
type Info struct {
	Name  string // in the Caddyfile; empty: JSON alone has it
	JSON  string // the name of the field in JSON
	Field string // and in Go, to find its comment by
	Args  string // such as DURATION|off
}

// List returns what to, a pointer to a struct, has for options, in the order of the
// fields. Of several that one option sets the first stands for all.
func List(to any) []Info {
	var all []Info
	seen := map[string]bool{}
	for _, f := range fieldsOf(to) {
		i := Info{Name: f.name, JSON: f.name, Field: f.goes, Args: f.arguments()}
		switch {
		case f.json:
			i.Name = ""
		case f.in != "" && seen[f.in]:
			continue
		case f.in != "":
			i.Name, seen[f.in] = f.in, true
		}
		all = append(all, i)
	}
	return all
}

// arguments returns how the reference shows the arguments.
func (f *field) arguments() string {
	args := f.args
	switch {
	case args != "":
	case len(f.words) > 0:
		args = strings.Join(f.words, "|")
	case f.onOff:
		args = "on|off"
	default:
		args = f.placeholder()
	}
	if f.off {
		args += "|off"
	}
	if f.value.Kind() == reflect.Slice && !strings.HasSuffix(args, "…") {
		args += "…"
	}
	return args
}

// placeholder names the kind of the argument.
func (f *field) placeholder() string {
	switch f.value.Interface().(type) {
	case bool:
		return ""
	case caddy.Duration:
		return "DURATION"
	case int:
		if f.form == "size" {
			return "SIZE"
		}
		return "N"
	case float64:
		if f.form == "percent" {
			return "SHARE%"
		}
		return "SCORE"
	}
	return "TEXT"
}
