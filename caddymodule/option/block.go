package option

import (
	"maps"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// A Parser reads the arguments of an option. The name is the path of the option in
// errors: "tocsin: lapi: interval".
type Parser = func(d *caddyfile.Dispenser, name string) error

// A Block is the options of a block in a Caddyfile, by name.
type Block map[string]Option

// An Option is an option of a [Block].
type Option struct {
	Parse      Parser
	Repeatable bool // it may be repeated
}

// Start begins to read an option of the global option tocsin, or of one of its options,
// in a module that [caddyfile.UnmarshalModule] calls. It returns the name for errors.
func Start(d *caddyfile.Dispenser, within ...string) (name string) {
	d.Next()
	return strings.Join(append(append([]string{"tocsin"}, within...), d.Val()), ": ")
}

// Read reads the block of an option, if there is one, into the fields of to, a pointer
// to a struct. Options have the JSON names of the fields. More has the options that set
// several fields, or have their own form.
func Read(d *caddyfile.Dispenser, name string, to any, more Block) error {
	return Of(to, more).Parse(d, name)
}

// Of returns the options that [Read] reads.
func Of(to any, more Block) Block {
	all := Block{}
	for _, f := range fieldsOf(elem(to)) {
		if parse := f.parser(); parse != nil {
			all[f.name] = Option{Parse: parse}
		}
	}
	maps.Copy(all, more)
	return all
}

// Parse parses the block of an option, if there is one.
func (b Block) Parse(d *caddyfile.Dispenser, name string) error {
	seen := make(map[string]bool)
	last := ""
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		key := d.Val()
		opt, ok := b[key]
		switch {
		case !ok && len(b) == 0:
			return d.Errf("%s: takes no block", name)
		case key == "{":
			return d.Errf("%s: %s: takes no block", name, last)
		case !ok:
			known := strings.Join(slices.Sorted(maps.Keys(b)), ", ")
			return d.Errf("%s: unknown option %q: want one of %s", name, key, known)
		case seen[key] && !opt.Repeatable:
			return d.Errf("%s: %s: given twice", name, key)
		}
		seen[key], last = true, key
		if err := opt.Parse(d, name+": "+key); err != nil {
			return err
		}
	}
	return nil
}

// parser returns the parser of the field in a Caddyfile, or nil if it is not an option.
func (f field) parser() Parser {
	if f.form == hidden {
		return nil
	}
	switch to := f.value.Addr().Interface().(type) {
	case *string:
		return f.text(to)
	case *[]string:
		return Words(to)
	case *bool:
		return f.flag(to)
	case *caddy.Duration:
		return f.duration(to)
	case *int:
		return f.number(to)
	case *float64:
		return f.share(to)
	}
	return nil
}

func (f field) text(to *string) Parser {
	switch {
	case len(f.words) > 0:
		return OneOf(to, f.words...)
	case f.form == joined:
		return func(d *caddyfile.Dispenser, name string) error {
			var all []string
			err := Words(&all)(d, name)
			*to = strings.Join(all, " ")
			return err
		}
	}
	return Word(to)
}

func (f field) flag(to *bool) Parser {
	return func(d *caddyfile.Dispenser, name string) error {
		if f.form != onOff {
			*to = true
			return Exact(d, name)
		}
		var s string
		err := OneOf(&s, "on", off)(d, name)
		*to = s == "on"
		return err
	}
}

func (f field) duration(to *caddy.Duration) Parser {
	return func(d *caddyfile.Dispenser, name string) error {
		var s string
		read := Word(&s)
		if f.off {
			read = DurationOrOff(&s)
		}
		if err := read(d, name); err != nil {
			return err
		}
		if f.off && s == off {
			*to = -1
			return nil
		}
		v, err := ParseDuration(s)
		if err != nil {
			return d.Errf("%s: %v", name, err)
		}
		*to = caddy.Duration(v)
		return nil
	}
}
