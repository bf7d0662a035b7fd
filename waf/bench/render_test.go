package bench

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// A node is what a file of rules says, as far as CrowdSec's hub uses the language.
type node struct {
	Zones, Variables, Transform []string

	Match struct{ Type, Value string }
	And   []node
	Or    []node
	Rules []node
	Name  string
}

// Names in SecLang of zones, transforms and matches. The raw body is a variable of
// CrowdSec's own fork there, and REQUEST_BODY comes next to it.
var (
	variables = map[string]string{
		"URI": "REQUEST_FILENAME", "URI_FULL": "REQUEST_URI", "METHOD": "REQUEST_METHOD", "ARGS": "ARGS_GET", "ARGS_NAMES": "ARGS_GET_NAMES",
		"BODY_ARGS": "ARGS_POST", "BODY_ARGS_NAMES": "ARGS_POST_NAMES", "RAW_BODY": "REQUEST_BODY", "HEADERS": "REQUEST_HEADERS",
		"HEADERS_NAMES": "REQUEST_HEADERS_NAMES", "COOKIES": "REQUEST_COOKIES", "FILENAMES": "FILES",
	}
	transforms = map[string]string{
		"lowercase": "lowercase", "uppercase": "uppercase", "urldecode": "urlDecode", "b64decode": "base64Decode", "length": "length", "trim": "trim",
		"normalizepath": "normalizePath",
	}
	matches = map[string]string{
		"contains": "contains", "equals": "streq", "regex": "rx", "endsWith": "endsWith", "startsWith": "beginsWith", "gte": "ge",
		"libinjectionSQL": "detectSQLi", "libinjectionXSS": "detectXSS",
	}
)

// groups returns the groups of conditions that a node means.
func (n *node) groups() [][]node {
	all := [][]node{nil}
	times := func(more [][]node) {
		var next [][]node
		for _, a := range all {
			for _, b := range more {
				next = append(next, append(a[:len(a):len(a)], b...))
			}
		}
		all = next
	}
	if len(n.Zones) > 0 {
		times([][]node{{*n}})
	}
	for i := range n.And {
		times(n.And[i].groups())
	}
	var any [][]node
	for i := range n.Or {
		any = append(any, n.Or[i].groups()...)
	}
	if any != nil {
		times(any)
	}
	return all
}

// target returns what a condition looks at.
func (n *node) target() string {
	count := ""
	for _, t := range n.Transform {
		if t == "count" {
			count = "&"
		}
	}
	var all []string
	for _, z := range n.Zones {
		if len(n.Variables) == 0 {
			all = append(all, count+variables[z])
		}
		for _, v := range n.Variables {
			all = append(all, count+variables[z]+":"+v)
		}
	}
	return strings.Join(all, "|")
}

// secLang returns the rules that a folder of CrowdSec's has, as another engine reads them.
func secLang(t testing.TB, folder string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatal("no rules in ", folder)
	}
	var b strings.Builder
	id := 1000
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var doc node
		if err := yaml.Unmarshal(text, &doc); err != nil {
			t.Fatal(err)
		}
		for i := range doc.Rules {
			for _, group := range doc.Rules[i].groups() {
				id++
				writeGroup(&b, id, group)
			}
		}
	}
	return b.String()
}

func writeGroup(b *strings.Builder, id int, group []node) {
	for i, n := range group {
		actions := []string{"t:none"}
		if i == 0 {
			actions = []string{fmt.Sprintf("id:%d", id), "phase:2", "deny", "log", "t:none"}
		}
		for _, t := range n.Transform {
			if name := transforms[t]; name != "" {
				actions = append(actions, "t:"+name)
			}
		}
		if i < len(group)-1 {
			actions = append(actions, "chain")
		}
		value := strings.ReplaceAll(strings.TrimSpace(n.Match.Value), `\"`, `"`)
		fmt.Fprintf(b, "SecRule %s \"@%s %s\" \"%s\"\n", n.target(), matches[n.Match.Type], strings.ReplaceAll(value, `"`, `\"`), strings.Join(actions, ","))
	}
}
