// Package option answers one question: what may be written into a block of a Caddyfile?
//
// An option is declared once, as a field of the struct that the block sets:
//
//	type Widget struct {
//		// How long a visitor has. Default: 30s.
//		Timeout caddy.Duration `json:"timeout,omitempty" option:"min=1s,max=5m"`
//	}
//
// From that come the parser of the Caddyfile ([Parse]), the check of what JSON says
// ([Check]), the replacement of placeholders ([Resolve]), and the reference in the
// documentation ([List]; the comment is the text). The name of the option is that of
// the JSON field.
//
// # Tags
//
// The type of the field says what is read: a string is a word, a []string words, a
// bool a word that stands alone, a caddy.Duration a duration, an int a whole number.
// The tag option says more, in parts between commas:
//
//	ban|captcha    one of these words
//	min=1s max=5m  bounds of a duration or a number; without them it must be greater than 0
//	off            the word off may stand in place of a duration or a number: -1
//	onoff          a bool is written on or off
//	size           an int is a number of bytes, such as 512KiB
//	percent        a float64 is a share, such as 20%
//	score          a float64 is a number above 0 and up to 1
//	joined         a string takes words, with spaces between them
//	secret         file:PATH stands for the content of a file
//	literal        placeholders are not replaced
//	in=NAME        the option NAME sets the field, by a parser of its own
//	-              JSON alone sets the field
//
// The tag args says how the reference shows the arguments. A bad tag panics: a test
// of the struct finds it.
package option

import (
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// A Parser parses what follows the name of an option. The name that it is given says
// in errors where the option stands, such as "tocsin: lapi: interval".
type Parser func(d *caddyfile.Dispenser, name string) error

// Own are the options that have parsers of their own, by name. They may come any
// number of times, and say themselves if they must not.
type Own map[string]Parser

// Parse parses the block that follows, if one does, into to, a pointer to a struct.
func Parse(d *caddyfile.Dispenser, name string, to any, own Own) error {
	parsers := own.with(fieldsOf(to))
	seen := map[string]bool{}
	last := ""
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		key := d.Val()
		parse, ok := parsers[key]
		switch {
		case !ok && len(parsers) == 0:
			return d.Errf("%s: takes no block", name)
		case key == "{":
			return d.Errf("%s: %s: takes no block", name, last)
		case !ok:
			return d.Errf("%s: unknown option %q: want one of %s", name, key, strings.Join(slices.Sorted(maps.Keys(parsers)), ", "))
		case seen[key] && own[key] == nil:
			return d.Errf("%s: %s: given twice", name, key)
		}
		seen[key], last = true, key
		if err := parse(d, name+": "+key); err != nil {
			return err
		}
	}
	return nil
}

// with returns the parsers of fields and those of own.
func (own Own) with(fields []field) map[string]Parser {
	all := map[string]Parser{}
	for _, f := range fields {
		if f.isOption() {
			all[f.name] = f.parse
		}
	}
	maps.Copy(all, own)
	return all
}

// Check checks the fields of to, a pointer to a struct, that are set. An error begins
// with the name of the option.
func Check(to any) error {
	for _, f := range fieldsOf(to) {
		if err := f.check(); err != nil {
			return err
		}
	}
	return nil
}

// fieldsOf returns the fields of the struct that to points at, and of those that are
// embedded in it.
func fieldsOf(to any) []field {
	v := reflect.ValueOf(to)
	if !v.IsValid() || v.IsNil() {
		return nil
	}
	return appendFields(nil, v.Elem())
}

func appendFields(all []field, v reflect.Value) []field {
	for i := range v.NumField() {
		f := v.Type().Field(i)
		switch tag := f.Tag.Get("json"); {
		case f.Anonymous && tag == "":
			all = appendFields(all, v.Field(i))
		case f.IsExported() && tag != "" && tag != "-":
			all = append(all, newField(f, v.Field(i)))
		}
	}
	return all
}
