package option

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// off is the word for -1.
const off = "off"

// A field is an option of one struct.
type field struct {
	name  string // as in JSON
	goes  string // the name in Go, to find the comment by
	args  string // as the tag args has it
	value reflect.Value

	json    bool   // JSON alone sets it
	in      string // the option that sets it; empty: its own
	words   []string
	onOff   bool
	joined  bool
	secret  bool
	literal bool
	off     bool
	form    string // size, percent, score, or nothing
	min     string
	max     string
}

// newField reads the tags of a field.
func newField(f reflect.StructField, v reflect.Value) field {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	n := field{name: name, goes: f.Name, args: f.Tag.Get("args"), value: v}
	tag := f.Tag.Get("option")
	if tag == "" {
		return n
	}
	for part := range strings.SplitSeq(tag, ",") {
		if !n.read(part) {
			panic(fmt.Sprintf("option: field %s: the tag has %q", f.Name, part))
		}
	}
	return n
}

// read reads a part of the tag option, and reports whether it knows it.
func (f *field) read(part string) bool {
	key, value, _ := strings.Cut(part, "=")
	switch {
	case key == "in":
		f.in = value
	case key == "min":
		f.min = value
	case key == "max":
		f.max = value
	case strings.Contains(part, "|"):
		f.words = strings.Split(part, "|")
	default:
		return f.readWord(part)
	}
	return true
}

func (f *field) readWord(part string) bool {
	switch part {
	case "-":
		f.json = true
	case "onoff":
		f.onOff = true
	case "joined":
		f.joined = true
	case "secret":
		f.secret = true
	case "literal":
		f.literal = true
	case off:
		f.off = true
	case "size", "percent", "score":
		f.form = part
	default:
		return false
	}
	return true
}

// isOption reports whether f is an option with a parser of this package.
func (f *field) isOption() bool { return !f.json && f.in == "" }

// parse implements [Parser].
func (f *field) parse(d *caddyfile.Dispenser, name string) error {
	args := d.RemainingArgs()
	if v, ok := reflect.TypeAssert[*bool](f.value.Addr()); ok && !f.onOff {
		*v = true
		if len(args) > 0 {
			return d.Errf("%s: takes no argument, got %q", name, args[0])
		}
		return nil
	}
	if err := f.count(len(args)); err != nil {
		return d.Errf("%s: %v", name, err)
	}
	if err := f.set(args); err != nil {
		return d.Errf("%s: %v", name, err)
	}
	return nil
}

// count checks the number of arguments.
func (f *field) count(n int) error {
	_, many := reflect.TypeAssert[[]string](f.value)
	switch {
	case (many || f.joined) && n == 0:
		return fmt.Errorf("want at least one argument")
	case many || f.joined || n == 1:
		return nil
	}
	return fmt.Errorf("wants one argument, got %d", n)
}

// set sets the field to what the arguments say.
func (f *field) set(args []string) error {
	switch v := f.value.Addr().Interface().(type) {
	case *string:
		*v = strings.Join(args, " ")
	case *[]string:
		*v = args
	case *bool:
		if args[0] != "on" && args[0] != off {
			return fmt.Errorf("%q: want on or off", args[0])
		}
		*v = args[0] == "on"
	default:
		return f.setNumber(args[0])
	}
	return f.checkWords()
}

// setNumber sets a field that is a number, or the word off.
func (f *field) setNumber(s string) (err error) {
	if f.off && s == off {
		f.value.SetInt(-1)
		return nil
	}
	switch v := f.value.Addr().Interface().(type) {
	case *caddy.Duration:
		var n time.Duration
		n, err = f.duration(s)
		*v = caddy.Duration(n)
	case *int:
		*v, err = f.number(s)
	case *float64:
		*v, err = f.share(s)
	default:
		panic(fmt.Sprintf("option: field %s: a %s needs a parser of its own", f.goes, f.value.Type()))
	}
	if err != nil {
		return err
	}
	return f.checkNumber()
}

// checkWords checks that the field is one of the words, or has only such.
func (f *field) checkWords() error {
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

// check checks a field that is set.
func (f *field) check() error {
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
