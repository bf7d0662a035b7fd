package detect

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// A source is a file that documents come from.
type source struct {
	name    string
	path    string  // where links lead; empty: it is no file
	folders []fs.FS // of lists
	where   string  // those are
	index   *hubIndex
}

// parserKeys are those of a parser that does more than to whitelist, which is
// nothing for us: there is no log to be parsed.
var parserKeys = newStringSet("grok", "nodes", "statics", "stash", "pattern_syntax")

// read reads the documents of a file.
func (l *loader) read(src source, content []byte) error {
	sum := sha256.Sum256(content)
	hash := hex.EncodeToString(sum[:])
	in := yaml.NewDecoder(bytes.NewReader(content))
	for {
		var doc yaml.Node
		switch err := in.Decode(&doc); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("reading %s: %w", src.name, err)
		}
		if err := l.document(src, hash, &doc); err != nil {
			return err
		}
	}
}

// document reads one document.
func (l *loader) document(src source, hash string, doc *yaml.Node) error {
	if len(doc.Content) == 0 || doc.Content[0].Tag == "!!null" {
		return nil // an empty one
	}
	d := &document{src: src, node: doc.Content[0]}
	if d.node.Kind != yaml.MappingNode {
		return d.errorAt(d.node, errors.New("want a scenario: keys and values"))
	}
	switch {
	case d.value("type") != nil:
		return l.scenario(d, hash)
	case d.hasParserKey():
		l.skip(d.text("name"), d.at(d.node), "it is a parser of logs")
		return nil
	case d.value("whitelist") != nil:
		return l.whitelist(d)
	}
	return d.errorAt(d.node, errors.New("neither type nor whitelist: want a scenario or a parser with a whitelist"))
}

func (l *loader) scenario(d *document, hash string) error {
	var doc scenarioDoc
	if err := d.decode(&doc); err != nil {
		return err
	}
	if why := doc.reason(); why != "" {
		l.skip(doc.Name, d.at(d.node), why)
		return nil
	}
	if missing, err := l.load(d, doc.Data); err != nil || missing != "" {
		l.skip(doc.Name, d.at(d.node), missing)
		return err
	}
	s, err := doc.scenario(l.rules.lists)
	if err != nil {
		return l.skipOr(d, doc.Name, err)
	}
	if why := l.lacking(s.expressions()); why != "" {
		l.skip(doc.Name, d.at(d.node), why)
		return nil
	}
	if src := d.src; src.path != "" {
		s.hash, s.version = src.index.origin(src.path, hash)
	}
	s.file = d.at(d.node)
	l.add(s)
	return nil
}

func (l *loader) whitelist(d *document) error {
	var doc whitelistDoc
	if err := d.decode(&doc); err != nil {
		return err
	}
	if missing, err := l.load(d, doc.Data); err != nil || missing != "" {
		l.skip(doc.Name, d.at(d.node), missing)
		return err
	}
	w, err := doc.whitelist(l.rules.lists)
	if err != nil {
		return l.skipOr(d, doc.Name, err)
	}
	all := w.exprs
	if w.filter != nil {
		all = append(slices.Clip(all), w.filter)
	}
	if why := l.lacking(all); why != "" {
		l.skip(doc.Name, d.at(d.node), why)
		return nil
	}
	w.file = d.at(d.node)
	l.rules.whitelists = append(l.rules.whitelists, w)
	return nil
}

// load loads the lists that a document names. What is wrong with one is said, and
// whatever asks it is skipped: without it, it would never find anything.
func (l *loader) load(d *document, files []listFile) (missing string, err error) {
	for _, f := range files {
		switch err := l.rules.lists.load(f, d.src.folders); {
		case errors.Is(err, errMissing):
			return fmt.Sprintf("%v in %s", err, d.src.where), nil
		case err != nil:
			return "", d.errorAt(d.value("data"), err)
		}
	}
	return "", nil
}

// lacking names a list that is asked, but that nobody has declared.
func (l *loader) lacking(exprs []*expression) string {
	known := func(name string) bool {
		return l.rules.lists.has(listFile{Name: name, Type: listStrings}) ||
			l.rules.lists.has(listFile{Name: name, Type: listRegexps}) ||
			l.rules.lists.has(listFile{Name: name, Type: listMap})
	}
	for _, e := range exprs {
		for _, name := range e.files {
			if !known(name) {
				return fmt.Sprintf("list %q: no data item declares it", name)
			}
		}
	}
	return ""
}

// skipOr skips what cannot run here, and returns other errors.
func (l *loader) skipOr(d *document, name string, err error) error {
	if why, ok := errors.AsType[unsupported](err); ok {
		l.skip(name, d.at(d.node), string(why))
		return nil
	}
	at := d.node
	if k, ok := errors.AsType[*keyError](err); ok {
		if v := d.value(k.key); v != nil {
			at = v
		}
	}
	return d.errorAt(at, err)
}

// A document is one of a file.
type document struct {
	src  source
	node *yaml.Node
}

// at returns where a node is, for people.
func (d *document) at(n *yaml.Node) string { return fmt.Sprintf("%s:%d", d.src.name, n.Line) }

func (d *document) errorAt(n *yaml.Node, err error) error {
	if n == nil {
		n = d.node
	}
	return fmt.Errorf("%s: %w", d.at(n), err)
}

// value returns the value of a key at the top of the document, or else in the
// whitelist or the labels.
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

// decode reads the document into the struct that to points to. A key that there
// is no field for is an error.
func (d *document) decode(to any) error {
	if at, err := unknownKey(d.node, reflect.TypeOf(to).Elem()); err != nil {
		return d.errorAt(at, err)
	}
	if err := d.node.Decode(to); err != nil {
		return fmt.Errorf("reading %s: %w", d.src.name, err)
	}
	return nil
}

// unknownKey returns the first key of n that the struct t has no field for.
func unknownKey(n *yaml.Node, t reflect.Type) (*yaml.Node, error) {
	switch {
	case t.Kind() == reflect.Slice && n.Kind == yaml.SequenceNode:
		for _, item := range n.Content {
			if at, err := unknownKey(item, t.Elem()); err != nil {
				return at, err
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
				return key, fmt.Errorf("unknown key %q", key.Value)
			}
			if at, err := unknownKey(value, field.Type); err != nil {
				return at, err
			}
		}
	}
	return nil, nil
}
