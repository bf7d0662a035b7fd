package search

import (
	"encoding/binary"
	"math"
	"regexp/syntax"
	"slices"
	"unicode"
)

// A determiner builds a dfa. A state is the set of the program's threads after a rune, and
// the kind of that rune, which \b, ^ and $ depend on.
type determiner struct {
	*dfa
	prog   *syntax.Prog
	looks  bool              // the program depends on the runes around a position
	steps  [][]bool          // by instruction and class: it accepts runes of that class
	kinds  []rune            // by class: a rune of the same kind
	states map[string]uint16 // by key
	todo   []threads         // by state, from stateBegin on
}

// threads are the instructions with which a program continues, before those without a rune
// are followed, and the kind of the rune before.
type threads struct {
	at   []uint32
	kind rune
}

// The kinds of runes that empty-width assertions distinguish.
const (
	kindNone  rune = -1 // no rune: the text begins or ends here
	kindWord  rune = 'a'
	kindLine  rune = '\n'
	kindOther rune = ' '
)

func kindOfRune(r rune) rune {
	switch {
	case r == '\n':
		return kindLine
	case syntax.IsWordChar(r):
		return kindWord
	}
	return kindOther
}

// newDFA returns the table for a pattern that regexp accepts, or nil if it is too large.
func newDFA(pattern string) *dfa {
	re, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return nil
	}
	prog, err := syntax.Compile(re.Simplify())
	if err != nil {
		return nil
	}
	b := &determiner{dfa: &dfa{}, prog: prog, states: map[string]uint16{}}
	if !b.classify() {
		return nil
	}
	b.next, b.atEnd = make([]uint16, 2*b.width), []bool{true, false}
	b.state(threads{nil, kindNone})
	for i := 0; i < len(b.todo); i++ {
		if len(b.todo) > maxStates {
			return nil
		}
		b.expand(b.todo[i])
	}
	b.prune()
	return b.dfa
}

// classify finds the classes of runes that the program treats alike, and reports whether
// they are few enough.
func (b *determiner) classify() bool {
	b.bound()
	b.steps = make([][]bool, len(b.prog.Inst))
	classes := map[string]uint8{}
	for _, first := range b.bounds {
		kind := kindOfRune(first)
		key := []byte(string(kind))
		for i := range b.prog.Inst {
			if in := &b.prog.Inst[i]; len(in.Rune) > 0 && in.MatchRune(first) {
				key = binary.AppendUvarint(key, uint64(i))
			}
		}
		class, known := classes[string(key)]
		if !known {
			if len(classes) > math.MaxUint8 {
				return false
			}
			class = uint8(len(classes))
			classes[string(key)] = class
			b.describe(first, kind)
		}
		b.of = append(b.of, class)
	}
	b.width = len(classes)
	for c := range b.ascii {
		b.ascii[c] = uint8(b.class(rune(c)))
	}
	return true
}

// describe records what the program does with a class that contains r.
func (b *determiner) describe(r, kind rune) {
	b.kinds = append(b.kinds, kind)
	for i := range b.prog.Inst {
		in := &b.prog.Inst[i]
		b.steps[i] = append(b.steps[i], len(in.Rune) > 0 && in.MatchRune(r))
	}
}

// bound finds the boundaries between runes that the program may treat differently.
func (b *determiner) bound() {
	b.bounds = []rune{0, '\n', '\n' + 1, '0', '9' + 1, 'A', 'Z' + 1, '_', '_' + 1, 'a', 'z' + 1}
	for _, in := range b.prog.Inst {
		switch in.Op {
		case syntax.InstRune, syntax.InstRune1, syntax.InstRuneAny, syntax.InstRuneAnyNotNL:
			b.separate(in.Rune)
		case syntax.InstEmptyWidth:
			b.looks = true
		}
	}
	slices.Sort(b.bounds)
	b.bounds = slices.Compact(b.bounds)
}

// separate puts boundaries around the runes that an instruction accepts: one rune, possibly
// in any case, or ranges.
func (b *determiner) separate(runes []rune) {
	if len(runes) == 1 {
		r := runes[0]
		b.bounds = append(b.bounds, r, r+1)
		for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
			b.bounds = append(b.bounds, f, f+1)
		}
		return
	}
	for i := 0; i+1 < len(runes); i += 2 {
		b.bounds = append(b.bounds, runes[i], runes[i+1]+1)
	}
}

// state returns the number of the state for threads. It adds the state if it is new.
func (b *determiner) state(t threads) uint16 {
	if !b.looks {
		t.kind = kindOther
	}
	key := binary.AppendVarint(nil, int64(t.kind))
	for _, pc := range t.at {
		key = binary.AppendUvarint(key, uint64(pc))
	}
	n, known := b.states[string(key)]
	if !known {
		n = stateBegin + uint16(len(b.todo))
		b.states[string(key)] = n
		b.todo = append(b.todo, t)
	}
	return n
}

// expand computes the transitions from threads.
func (b *determiner) expand(t threads) {
	follow := map[rune][]uint32{}
	for _, kind := range []rune{kindWord, kindLine, kindOther} {
		takers, matched := b.follow(t, kind)
		if !matched {
			follow[kind] = takers
		}
	}
	for class, kind := range b.kinds {
		takers, open := follow[kind]
		if !open {
			b.next = append(b.next, stateMatch)
			continue
		}
		var at []uint32
		for _, pc := range takers {
			if b.steps[pc][class] {
				at = append(at, b.prog.Inst[pc].Out)
			}
		}
		slices.Sort(at)
		b.next = append(b.next, b.state(threads{slices.Compact(at), kind}))
	}
	_, matched := b.follow(t, kindNone)
	b.atEnd = append(b.atEnd, matched)
}

// follow returns the instructions that can accept a rune of a kind after t, and whether
// there is a match before it. A match may begin anywhere.
func (b *determiner) follow(t threads, kind rune) (takers []uint32, matched bool) {
	around := syntax.EmptyOpContext(t.kind, kind)
	seen := make([]bool, len(b.prog.Inst))
	rest := append(slices.Clone(t.at), uint32(b.prog.Start))
	for len(rest) > 0 {
		pc := rest[len(rest)-1]
		rest = rest[:len(rest)-1]
		if seen[pc] {
			continue
		}
		seen[pc] = true
		switch in := &b.prog.Inst[pc]; in.Op {
		case syntax.InstMatch:
			return nil, true
		case syntax.InstFail:
		case syntax.InstAlt, syntax.InstAltMatch:
			rest = append(rest, in.Out, in.Arg)
		case syntax.InstCapture, syntax.InstNop:
			rest = append(rest, in.Out)
		case syntax.InstEmptyWidth:
			if syntax.EmptyOp(in.Arg)&^around == 0 {
				rest = append(rest, in.Out)
			}
		default:
			takers = append(takers, pc)
		}
	}
	return takers, false
}

// prune leads to stateNever from states that cannot reach a match, so the search ends there.
func (b *determiner) prune() {
	alive := slices.Clone(b.atEnd)
	for changed := true; changed; {
		changed = false
		for s := int(stateBegin); s < len(alive); s++ {
			row := b.next[s*b.width : (s+1)*b.width]
			if !alive[s] && slices.ContainsFunc(row, func(to uint16) bool { return alive[to] }) {
				alive[s], changed = true, true
			}
		}
	}
	for i, to := range b.next {
		if i >= int(stateBegin)*b.width && !alive[to] {
			b.next[i] = stateNever
		}
	}
}
