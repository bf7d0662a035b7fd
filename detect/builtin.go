package detect

import (
	"embed"
	"fmt"
	"io/fs"
	"path"
	"strings"
)

//go:embed builtin
var builtinFiles embed.FS

// Builtin returns the scenarios that come with this package, named tocsin/…, which
// are written in the form of CrowdSec's, and are examples of it. Each says in its
// description what it counts.
//
// They ask some fields that CrowdSec's parsers do not set; any scenario may:
//
//	Parsed.clean_path    the path as servers understand it, decoded and without dots
//	Parsed.script        of that, up to the end of .php
//	Parsed.form_action   "action" of a posted form, or else of the query
//	Parsed.xmlrpc_method what a request to xmlrpc.php calls
//	Parsed.xmlrpc_calls  how many calls one to system.multicall bundles
//	Meta.login           success, failure, or nothing if nobody tried
//	Meta.login_user      stands for the user name, without giving it away
//	Meta.login_try       stands for the name and the password together
func Builtin() (*Rules, error) {
	data, err := fs.Sub(builtinFiles, "builtin")
	if err != nil {
		return nil, fmt.Errorf("reading the built-in scenarios: %w", err)
	}
	entries, err := fs.ReadDir(data, ".")
	if err != nil {
		return nil, fmt.Errorf("reading the built-in scenarios: %w", err)
	}
	l := &loader{rules: &Rules{lists: newLists()}, seen: make(map[string]string)}
	for _, entry := range entries {
		if !strings.HasSuffix(entry.Name(), ".yaml") {
			continue
		}
		content, err := fs.ReadFile(data, entry.Name())
		if err != nil {
			return nil, fmt.Errorf("reading the built-in scenarios: %w", err)
		}
		if err := l.read(source{name: path.Join("builtin", entry.Name()), folders: []fs.FS{data}}, content); err != nil {
			return nil, err
		}
	}
	rules := l.finish()
	for _, s := range rules.skipped {
		return nil, fmt.Errorf("reading the built-in scenarios: %v", s)
	}
	return rules, nil
}
