// Package option answers one question: may the value of an option be what it is?
//
// A config comes from a Caddyfile or is JSON. What an option may be is declared once, at
// the field that it sets, and holds for both:
//
//	type Widget struct {
//		// How long a visitor has. Default: 30s.
//		Timeout caddy.Duration `json:"timeout,omitempty" option:"min=1s,max=5m"`
//	}
//
// # Tags
//
// Durations and whole numbers must be greater than 0, and float64s be shares, above 0 and
// up to 1. What is not set is not checked. The tag option says more, in parts between
// commas:
//
//	ban|captcha    one of these words; for a []string, only such
//	min=1s max=5m  bounds of a duration or a number
//	off            a duration or a number may be -1, for the word off
//
// A bad tag panics: a test of the struct finds it.
package option

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// Check checks the fields of to, a pointer to a struct, that are set, and those of structs
// that are embedded in it. An error begins with the name of the field in JSON.
func Check(to any) error {
	v := reflect.ValueOf(to)
	if !v.IsValid() || v.IsNil() {
		return nil
	}
	return checkAll(v.Elem())
}

func checkAll(v reflect.Value) error {
	for i := range v.NumField() {
		var err error
		f := v.Type().Field(i)
		switch name, _, _ := strings.Cut(f.Tag.Get("json"), ","); {
		case f.Anonymous && name == "":
			err = checkAll(v.Field(i))
		case f.IsExported() && name != "" && name != "-":
			err = newField(f, v.Field(i)).check(name)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// A field is one of a struct, with what it may be.
type field struct {
	value reflect.Value

	words []string // empty: any
	off   bool
	min   string
	max   string
}

// newField reads the tag of a field.
func newField(f reflect.StructField, v reflect.Value) field {
	n := field{value: v}
	tag := f.Tag.Get("option")
	if tag == "" {
		return n
	}
	for part := range strings.SplitSeq(tag, ",") {
		key, value, _ := strings.Cut(part, "=")
		switch {
		case key == "min":
			n.min = value
		case key == "max":
			n.max = value
		case strings.Contains(part, "|"):
			n.words = strings.Split(part, "|")
		case part == "off":
			n.off = true
		default:
			panic(fmt.Sprintf("option: field %s: the tag has %q", f.Name, part))
		}
	}
	return n
}

// check checks the field, which errors call name, if it is set.
func (f field) check(name string) error {
	if f.value.IsZero() {
		return nil
	}
	err := f.checkWords()
	if err == nil {
		err = f.checkNumber()
	}
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// checkWords checks that the field is one of the words, or has only such.
func (f field) checkWords() error {
	if len(f.words) == 0 {
		return nil
	}
	all, many := reflect.TypeAssert[[]string](f.value)
	if !many {
		all = []string{f.value.String()}
	}
	for _, s := range all {
		if !slices.Contains(f.words, s) {
			return fmt.Errorf("%s: want one of %s", strconv.Quote(s), strings.Join(f.words, ", "))
		}
	}
	return nil
}
