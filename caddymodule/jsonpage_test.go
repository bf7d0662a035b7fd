package caddymodule

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/tocsin-project/tocsin/internal/golden"
)

// jsonModules are the modules with fields, in the order of the page. Modules that share a
// type share a section.
var jsonModules = []struct{ title, id string }{
	{"App", "tocsin"},
	{"Handler", "http.handlers.tocsin"},
	{"Matcher", "http.matchers.tocsin"},
	{"Listener wrapper", "caddy.listeners.tocsin"},
	{"Source: lapi", "tocsin.sources.lapi"},
	{"Source: community", "tocsin.sources.community"},
	{"Source: blocklist", "tocsin.sources.blocklist"},
	{"Source: geoip", "tocsin.sources.geoip"},
	{"Inspector: waf", "tocsin.inspectors.waf"},
	{"Inspector: appsec", "tocsin.inspectors.appsec"},
	{"Challenge provider: altcha", "tocsin.challenges.altcha"},
	{"Challenge provider: hosted", "tocsin.challenges.siteverify"},
	{"Community", "http.handlers.tocsin_community"},
}

// A jsonPage writes the sections of docs/json.md from the types of the modules and the
// comments of their fields.
type jsonPage struct {
	t        *testing.T
	text     strings.Builder
	packages map[string]map[string]*ast.StructType // parsed, by the path of the package and the name of the type
	known    []reflect.Type                        // with a section
}

// module is the path of the Go module, which the paths of its packages begin with.
const module = "github.com/tocsin-project/tocsin"

// structs returns the struct types in the source of a package.
func (p *jsonPage) structs(path string) map[string]*ast.StructType {
	p.t.Helper()
	if all := p.packages[path]; all != nil {
		return all
	}
	all := map[string]*ast.StructType{}
	files, err := filepath.Glob(filepath.Join("..", strings.TrimPrefix(path, module), "*.go"))
	if err != nil {
		p.t.Fatal(err)
	}
	for _, file := range files {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments)
		if err != nil {
			p.t.Fatal(err)
		}
		ast.Inspect(parsed, func(n ast.Node) bool {
			if spec, ok := n.(*ast.TypeSpec); ok {
				if s, ok := spec.Type.(*ast.StructType); ok {
					all[spec.Name.Name] = s
				}
			}
			return true
		})
	}
	p.packages[path] = all
	return all
}

// comment returns the comment of a field in one line.
func (p *jsonPage) comment(of reflect.Type, field string) string {
	p.t.Helper()
	s := p.structs(of.PkgPath())[of.Name()]
	if s == nil {
		p.t.Fatalf("%v: its source cannot be found", of)
	}
	for _, f := range s.Fields.List {
		if slices.ContainsFunc(f.Names, func(n *ast.Ident) bool { return n.Name == field }) {
			return strings.ReplaceAll(strings.Join(strings.Fields(f.Doc.Text()), " "), "|", `\|`)
		}
	}
	return ""
}

// section writes the section of a struct, and then those of the structs in its fields.
func (p *jsonPage) section(title string, of reflect.Type) {
	p.t.Helper()
	p.known = append(p.known, of)
	fmt.Fprintf(&p.text, "\n### %s\n\n| field | value | meaning |\n|---|---|---|\n", title)
	var inside []func()
	p.rows(title, of, &inside)
	for _, section := range inside {
		section()
	}
}

// rows writes the rows of the fields of a struct. Former names of fields, which only lead
// to an error that says the new one, have no row.
func (p *jsonPage) rows(title string, of reflect.Type, inside *[]func()) {
	p.t.Helper()
	for f := range of.Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case f.Anonymous && f.Type.Name() != "former":
			p.rows(title, f.Type, inside)
		case name == "" || name == "-" || strings.HasPrefix(f.Name, "Former"):
		default:
			meaning := p.comment(of, f.Name)
			if meaning == "" {
				p.t.Errorf("%v.%s: no comment", of, f.Name)
			}
			fmt.Fprintf(&p.text, "| `%s` | %s | %s |\n", name, p.value(title+": "+name, &f, inside), meaning)
		}
	}
}

// value describes the values of a field, and adds a section for a struct of this module.
func (p *jsonPage) value(title string, f *reflect.StructField, inside *[]func()) string {
	p.t.Helper()
	if space, ok := strings.CutPrefix(f.Tag.Get("caddy"), "namespace="); ok {
		space, _, _ = strings.Cut(space, " ")
		switch f.Type {
		case reflect.TypeFor[caddyhttp.RawMatcherSets]():
			return "list of matcher sets"
		case reflect.TypeFor[[]json.RawMessage]():
			return "list of modules `" + space + ".*`"
		}
		return "module `" + space + ".*`"
	}
	return p.kind(title, f.Type, inside)
}

func (p *jsonPage) kind(title string, of reflect.Type, inside *[]func()) string {
	p.t.Helper()
	if of == reflect.TypeFor[caddy.Duration]() {
		return "duration"
	}
	switch of.Kind() {
	case reflect.String:
		return "text"
	case reflect.Bool:
		return "`true` or `false`"
	case reflect.Int, reflect.Float64:
		return "number"
	case reflect.Pointer:
		return p.kind(title, of.Elem(), inside)
	case reflect.Slice:
		return "list of " + p.kind(title, of.Elem(), inside)
	case reflect.Map:
		return "object: name to " + p.kind(title, of.Elem(), inside)
	case reflect.Struct:
		if !slices.Contains(p.known, of) {
			p.known = append(p.known, of)
			*inside = append(*inside, func() { p.section(title, of) })
		}
		anchor := strings.ReplaceAll(strings.ToLower(strings.ReplaceAll(title, ":", "")), " ", "-")
		return "[" + title + "](#" + anchor + ")"
	}
	p.t.Fatalf("%s: no description for %v", title, of)
	return ""
}

// The fields on the page are those of the modules, with the comments of the code.
func TestTheJSONReferenceIsUpToDate(t *testing.T) {
	text, err := os.ReadFile("../docs/json.md")
	if err != nil {
		t.Fatal(err)
	}
	const heading = "\n## Fields\n"
	before, _, ok := strings.Cut(string(text), heading)
	if !ok {
		t.Fatal("docs/json.md has no section Fields")
	}
	p := &jsonPage{t: t, packages: map[string]map[string]*ast.StructType{}}
	p.text.WriteString(before + heading + "\nMade from the comments in the code by `go test ./caddymodule -run TestTheJSONReference -update`: change those, not this section.\n")
	for _, m := range jsonModules {
		info, err := caddy.GetModule(m.id)
		if err != nil {
			t.Fatal(err)
		}
		p.section(m.title, reflect.TypeOf(info.New()).Elem())
	}
	golden.File(t, "../docs/json.md", p.text.String(), *update, "go test ./caddymodule -run TestTheJSONReference -update")
	p.checkComplete()
}

// checkComplete checks that every module of tocsin with fields is on the page.
func (p *jsonPage) checkComplete() {
	p.t.Helper()
	for _, id := range caddy.Modules() {
		info, err := caddy.GetModule(id)
		if err != nil {
			p.t.Fatal(err)
		}
		of := reflect.Indirect(reflect.ValueOf(info.New())).Type()
		if of.Kind() != reflect.Struct || !strings.HasPrefix(of.PkgPath(), module) || strings.Contains(of.PkgPath(), "examples") || slices.Contains(p.known, of) {
			continue
		}
		for f := range of.Fields() {
			if f.Tag.Get("json") != "" {
				p.t.Errorf("docs/json.md: module %s has no section", id)
				break
			}
		}
	}
}
