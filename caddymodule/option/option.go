// Package option reads and checks the options of a config.
//
// A config is a Caddyfile or JSON. The valid values of an option are declared once, at
// the field that it sets, and hold for both:
//
//	type Widget struct {
//		// How long a visitor has. Default: 30s.
//		Timeout caddy.Duration `json:"timeout,omitempty" option:"min=1s,max=5m"`
//	}
//
// [Read] reads the block of a Caddyfile into such a struct, [Replace] replaces the
// placeholders in it, and [Check] checks it.
//
// # Tags
//
// Durations and whole numbers must be greater than 0, and float64s are shares, above 0 and
// up to 1. Fields that are not set are not checked. The tag option adds rules, separated
// by commas:
//
//	ban|captcha    one of these words; for a []string, only these words
//	min=1s max=5m  bounds of a duration or a number
//	off            a duration or a number may be -1, for the word off; a string is that word
//
// and the form of the field in a Caddyfile:
//
//	onoff    a bool is on or off; otherwise its name alone means true
//	size     a number of bytes, such as 64KiB
//	percent  a share, such as 20%
//	joined   a string is several words, joined by spaces
//	-        the field is no option, or has its own parser
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

// Check checks the set fields of to, a pointer to a struct, and of its embedded
// structs. An error begins with the JSON name of the field.
func Check(to any) error {
	v := reflect.ValueOf(to)
	if !v.IsValid() || v.IsNil() {
		return nil
	}
	return checkAll(v.Elem())
}

func checkAll(v reflect.Value) error {
	for _, f := range fieldsOf(v) {
		if err := f.check(); err != nil {
			return err
		}
	}
	return nil
}

// fieldsOf returns the fields with a JSON name of a struct and of its embedded structs.
func fieldsOf(v reflect.Value) (all []field) {
	for i := range v.NumField() {
		f := v.Type().Field(i)
		switch name, _, _ := strings.Cut(f.Tag.Get("json"), ","); {
		case f.Anonymous && name == "":
			all = append(all, fieldsOf(v.Field(i))...)
		case f.IsExported() && name != "" && name != "-":
			all = append(all, newField(name, f, v.Field(i)))
		}
	}
	return all
}

// A field is a field of a struct, with its rules.
type field struct {
	name  string // in JSON
	value reflect.Value

	words []string // empty: any
	off   bool
	min   string
	max   string
	form  string // its form in a Caddyfile: one of forms, or empty
}

// forms are the parts of a tag about the form in a Caddyfile.
var forms = []string{hidden, onOff, inBytes, inPercent, joined}

const (
	hidden    = "-"
	onOff     = "onoff"
	inBytes   = "size"
	inPercent = "percent"
	joined    = "joined"
)

// newField reads the tag of a field.
func newField(name string, f reflect.StructField, v reflect.Value) field {
	n := field{name: name, value: v}
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
		case part == off && v.Kind() == reflect.String:
			n.words = []string{off}
		case part == off:
			n.off = true
		case slices.Contains(forms, part):
			n.form = part
		default:
			panic(fmt.Sprintf("option: field %s: the tag has %q", f.Name, part))
		}
	}
	return n
}

// check checks the field, if it is set.
func (f field) check() error {
	if f.value.IsZero() {
		return nil
	}
	err := f.checkWords()
	if err == nil {
		err = f.checkNumber()
	}
	if err != nil {
		return fmt.Errorf("%s: %w", f.name, err)
	}
	return nil
}

// checkWords checks that the field is one of the words, or a list of them.
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
