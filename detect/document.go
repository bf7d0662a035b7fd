package detect

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
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
	hub     bool   // the hub's index knows the file: nothing in it is an error
	item    string // what the index calls it
}

// read reads the documents of a file.
func (l *loader) read(src source, content []byte) error {
	sum := sha256.Sum256(content)
	hash := hex.EncodeToString(sum[:])
	if src.item, src.hub = src.index.item(src.path, hash); src.hub {
		l.rules.hub = true
	}
	in := yaml.NewDecoder(bytes.NewReader(content))
	for {
		var doc yaml.Node
		switch err := in.Decode(&doc); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return l.refuse(src, Skipped{Name: src.item, File: src.name}, fmt.Errorf("reading %s: %w", src.name, err), err)
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
	err := l.take(d, hash)
	if err == nil {
		return nil
	}
	at := d.node
	if k, ok := errors.AsType[*keyError](err); ok {
		if n := d.value(k.key); n != nil {
			at = n
		}
	}
	skipped := Skipped{Name: cmp.Or(d.text("name"), src.item), File: d.at(d.node)}
	if n, ok := errors.AsType[*unknownKey](err); ok {
		skipped.File = d.at(n.at)
	}
	if why, ok := errors.AsType[unsupported](err); ok {
		skipped.Reason = string(why)
		l.skip(skipped)
		return nil
	}
	skipped.File = d.at(at)
	return l.refuse(src, skipped, d.errorAt(at, err), err)
}

// refuse returns an error; but what the hub's index knows is skipped: an upgrade
// of the hub must not keep a server from starting.
func (l *loader) refuse(src source, s Skipped, err, why error) error {
	if !src.hub {
		return err
	}
	// What expressions and YAML say has many lines, with a picture below.
	text, _, _ := strings.Cut(why.Error(), "\n | ")
	s.Reason = "it is broken: " + strings.Join(strings.Fields(text), " ")
	l.skip(s)
	return nil
}

func (l *loader) take(d *document, hash string) error {
	switch {
	case d.node.Kind != yaml.MappingNode:
		return errors.New("want a scenario: keys and values")
	case child(d.node, "type") != nil:
		return l.scenario(d, hash)
	case d.hasParserKey():
		l.skip(Skipped{Name: d.text("name"), File: d.at(d.node), Reason: "it is a parser of logs", Foreign: true})
		return nil
	case child(d.node, "whitelist") != nil:
		return l.whitelist(d)
	}
	if err := d.newer(whitelistDoc{}, scenarioDoc{}); err != nil {
		return err
	}
	return errors.New("neither type nor whitelist: want a scenario or a parser with a whitelist")
}

func (l *loader) scenario(d *document, hash string) error {
	if t := child(d.node, "type"); t.Kind == yaml.ScalarNode && t.Value != "" && !scenarioTypes.has(t.Value) {
		return unknownThing("its type is %s", t.Value)
	}
	var doc scenarioDoc
	if err := d.decode(&doc); err != nil {
		return err
	}
	if why := doc.reason(); why != "" {
		return unsupported(why)
	}
	if err := l.load(d, doc.Data); err != nil {
		return err
	}
	s, err := doc.scenario(l.rules.lists)
	if err != nil {
		return err
	}
	if err := l.lacking(s.expressions()); err != nil {
		return err
	}
	if src := d.src; src.path != "" {
		s.hash, s.version = src.index.origin(src.path, hash)
	}
	s.file = d.at(d.node)
	if l.simulation.has(s.name) {
		s = Policy{AlertOnly: true}.of(s)
		s.simulated = true
	}
	l.add(s)
	return nil
}

func (l *loader) whitelist(d *document) error {
	var doc whitelistDoc
	if err := d.decode(&doc); err != nil {
		return err
	}
	if err := l.load(d, doc.Data); err != nil {
		return err
	}
	w, err := doc.whitelist(l.rules.lists)
	if err != nil {
		return err
	}
	all := w.exprs
	if w.filter != nil {
		all = append(slices.Clip(all), w.filter)
	}
	if err := l.lacking(all); err != nil {
		return err
	}
	w.file = d.at(d.node)
	l.rules.whitelists = append(l.rules.whitelists, w)
	return nil
}

// load loads the lists that a document names. Whatever asks one that is missing,
// or of a kind that is not known, is skipped: without it, it would never find
// anything.
func (l *loader) load(d *document, files []listFile) error {
	for _, f := range files {
		err := l.rules.lists.load(f, d.src.folders)
		_, newer := errors.AsType[unsupported](err)
		switch {
		case errors.Is(err, errMissing):
			return unsupported(fmt.Sprintf("%v in %s", err, d.src.where))
		case newer:
			return unsupported(err.Error())
		case err != nil:
			return &keyError{"data", err}
		}
	}
	return nil
}

// lacking names a list that is asked, but that nobody has declared.
func (l *loader) lacking(exprs []*expression) error {
	known := func(name string) bool {
		return l.rules.lists.has(listFile{Name: name, Type: listStrings}) ||
			l.rules.lists.has(listFile{Name: name, Type: listRegexps}) ||
			l.rules.lists.has(listFile{Name: name, Type: listMap})
	}
	for _, e := range exprs {
		for _, name := range e.files {
			if !known(name) {
				return unsupported(fmt.Sprintf("list %q: no data item declares it", name))
			}
		}
	}
	return nil
}
