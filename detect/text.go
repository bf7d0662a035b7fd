package detect

import (
	"slices"
	"strings"
)

// A text is an expression whose result is a text, compiled to Go.
type text struct {
	eval  func(*view) string
	key   string // two texts with the same key are the same
	deps  fieldSet
	hay   haystack // the text that it is a part of, ignoring case
	cost  int
	fixed bool // it is always the same
	value string
	slot  int      // where its value is kept during a phase, from 1 on
	fresh bool     // its inputs may change within a phase
	only  []string // its possible values besides empty; nil for any

	parts []*text // the texts that it is joined from, if any
}

// of returns the value of the text for the event.
func (t *text) of(v *view) string {
	if t.slot == 0 {
		return t.eval(v)
	}
	m := &v.texts[t.slot-1]
	if m.gen != v.gen {
		m.gen, m.text = v.gen, t.eval(v)
	}
	return m.text
}

func fixedText(s string) *text {
	return &text{eval: func(*view) string { return s }, key: quote(s), fixed: true, value: s}
}

func fieldText(f field) *text {
	def := fields[f]
	return &text{
		eval: func(v *view) string { s, _ := def.get(v); return s },
		key:  def.name,
		deps: f.set(),
		hay:  def.hay,
		cost: costField,
		only: def.only,
	}
}

// metaText returns the text for a key of evt.Meta that is not a field.
func metaText(key string) *text {
	return &text{
		eval:  func(v *view) string { return v.meta(key) },
		key:   "Meta[" + quote(key) + "]",
		cost:  costField,
		fresh: true,
	}
}

// transforms are the helpers that turn one text into another, and the haystacks of the
// results.
var transforms = map[string]struct {
	apply   func(string) string
	unquote bool // it decodes escapes
}{
	"Upper":         {apply: strings.ToUpper},
	"Lower":         {apply: strings.ToLower},
	"PathUnescape":  {pathUnescape, true},
	"QueryUnescape": {queryUnescape, true},
}

// transform returns the result of applying one of transforms to t.
func transform(name string, t *text) *text {
	how := transforms[name]
	if t.fixed {
		return fixedText(how.apply(t.value))
	}
	hay := t.hay
	switch {
	case !how.unquote:
	case hay == hayTarget:
		hay = hayDecoded
	default:
		hay = noHay
	}
	return &text{
		eval:  func(v *view) string { return how.apply(t.of(v)) },
		key:   name + "(" + t.key + ")",
		deps:  t.deps,
		hay:   hay,
		cost:  t.cost + costTransform,
		fresh: t.fresh,
	}
}

// join returns the concatenation of two texts.
func join(a, b *text) *text {
	if a.fixed && b.fixed {
		return fixedText(a.value + b.value)
	}
	return &text{
		eval:  func(v *view) string { return a.of(v) + b.of(v) },
		key:   "(" + a.key + "+" + b.key + ")",
		deps:  a.deps | b.deps,
		cost:  a.cost + b.cost + costTransform,
		fresh: a.fresh || b.fresh,
		parts: slices.Concat(a.pieces(), b.pieces()),
	}
}

// pieces returns the texts that t is joined from, or only t itself.
func (t *text) pieces() []*text {
	if t.parts != nil {
		return t.parts
	}
	return []*text{t}
}

// choose returns a text that equals one of two texts, depending on a condition.
func choose(c *cond, a, b *text) *text {
	return &text{
		eval: func(v *view) string {
			if c.test(v) {
				return a.of(v)
			}
			return b.of(v)
		},
		key:   "(" + c.key + "?" + a.key + ":" + b.key + ")",
		deps:  c.deps | a.deps | b.deps,
		cost:  c.cost + max(a.cost, b.cost),
		fresh: c.fresh || a.fresh || b.fresh,
	}
}
