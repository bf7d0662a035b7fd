package detect

import (
	"fmt"
	"reflect"
	"strings"

	"go.yaml.in/yaml/v3"
)

// parserKeys are the keys of a parser that does more than whitelisting. Such parsers are
// ignored: there is no log to parse.
var parserKeys = newStringSet("grok", "nodes", "statics", "stash", "pattern_syntax")

// A document is one YAML document of a file.
type document struct {
	src  source
	node *yaml.Node
}

// at returns the position of a node, for messages.
func (d *document) at(n *yaml.Node) string { return fmt.Sprintf("%s:%d", d.src.name, n.Line) }

func (d *document) errorAt(n *yaml.Node, err error) error {
	if n == nil {
		n = d.node
	}
	return fmt.Errorf("%s: %w", d.at(n), err)
}

// value returns the value of a key at the top of the document, or else in the whitelist or
// the labels.
func (d *document) value(key string) *yaml.Node {
	if v := child(d.node, key); v != nil {
		return v
	}
	for _, room := range []string{"whitelist", "labels"} {
		if v := child(child(d.node, room), key); v != nil {
			return v
		}
	}
	return nil
}

func child(n *yaml.Node, key string) *yaml.Node {
	if n == nil || n.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i+1]
		}
	}
	return nil
}

func (d *document) text(key string) string {
	if v := child(d.node, key); v != nil {
		return v.Value
	}
	return ""
}

func (d *document) hasParserKey() bool {
	for i := 0; i < len(d.node.Content); i += 2 {
		if parserKeys.has(d.node.Content[i].Value) {
			return true
		}
	}
	return false
}

// decode decodes the document into the struct at to. Errors about an unknown format or key
// come before errors about other keys.
func (d *document) decode(to any) error {
	if err := checkFormat(d.text("format")); err != nil {
		return err
	}
	if err := d.newer(reflect.ValueOf(to).Elem().Interface()); err != nil {
		return err
	}
	return d.node.Decode(to)
}

// newer returns an error about the first key that is in none of the structs.
func (d *document) newer(structs ...any) error {
	var err error
	for _, s := range structs {
		key := findUnknown(d.node, reflect.TypeOf(s))
		if key == nil {
			return nil
		}
		err = &unknownKey{key, unknownThing("it has the key %s", key.Value)}
	}
	return err
}

// An unknownKey is the position of an unknown key.
type unknownKey struct {
	at *yaml.Node
	unsupported
}

func (k *unknownKey) Unwrap() error { return k.unsupported }

// findUnknown returns the first key of n that is not in the struct t, or nil.
func findUnknown(n *yaml.Node, t reflect.Type) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	switch {
	case t.Kind() == reflect.Slice && n.Kind == yaml.SequenceNode:
		for _, item := range n.Content {
			if key := findUnknown(item, t.Elem()); key != nil {
				return key
			}
		}
	case t.Kind() == reflect.Struct && n.Kind == yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			key, value := n.Content[i], n.Content[i+1]
			field, ok := t.FieldByNameFunc(func(name string) bool {
				f, _ := t.FieldByName(name)
				return strings.Split(f.Tag.Get("yaml"), ",")[0] == key.Value
			})
			if !ok {
				return key
			}
			if unknown := findUnknown(value, field.Type); unknown != nil {
				return unknown
			}
		}
	}
	return nil
}
