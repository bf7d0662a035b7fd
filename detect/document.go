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

	"github.com/tocsin-project/tocsin/internal/hubindex"
)

// A source is a file with documents.
type source struct {
	name    string
	path    string  // the file's path with links resolved; empty if it is not a file
	folders []fs.FS // the folders that may have its lists
	where   string  // the names of these folders, for messages
	index   *hubindex.Index
	hub     bool   // the hub's index has the file, so mistakes in it are not errors
	item    string // its name in the index
}

// read reads the documents of a file.
func (l *loader) read(src source, content []byte) error {
	sum := sha256.Sum256(content)
	hash := hex.EncodeToString(sum[:])
	if src.item, src.hub = src.index.Item(src.path, hash); src.hub {
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
		return nil // an empty document
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

// refuse returns an error. If the file is in the hub's index, the document is skipped
// instead: an upgrade of the hub must not prevent a start.
func (l *loader) refuse(src source, s Skipped, err, why error) error {
	if !src.hub {
		return err
	}
	// Messages from the expression and YAML parsers have many lines, with an excerpt below.
	text, _, _ := strings.Cut(why.Error(), "\n | ")
	s.Reason = "it is broken: " + strings.Join(strings.Fields(text), " ")
	l.skip(s)
	return nil
}

func (l *loader) take(d *document, hash string) error {
	switch {
	case d.node.Kind != yaml.MappingNode:
		return errors.New("want a scenario, as keys and values in YAML")
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
	return errors.New("no key type or whitelist: want a scenario or a parser with a whitelist")
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
		s.hash, s.version = src.index.Origin(src.path, hash)
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

// load loads the lists that a document names. A document whose list is missing or of an
// unknown kind is skipped, because it would never match anything.
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

// lacking returns a list that an expression uses but no document declares.
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
