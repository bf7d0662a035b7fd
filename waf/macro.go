package waf

import (
	"errors"
	"fmt"
	"strings"
)

// A macroPart is a piece of a value: a literal, or what a zone of one value is.
type macroPart struct {
	literal string
	zone    zone
	isZone  bool
}

// macroOf returns the parts of a value that has %{NAME} in it, and none of one that has
// not.
func macroOf(value string) ([]macroPart, error) {
	if !strings.Contains(value, "%{") {
		return nil, nil
	}
	var parts []macroPart
	for value != "" {
		literal, rest, found := strings.Cut(value, "%{")
		parts = append(parts, macroPart{literal: literal})
		if !found {
			break
		}
		name, after, closed := strings.Cut(rest, "}")
		if !closed {
			return nil, errors.New("a %{ without its }")
		}
		z, known := macroZone(name)
		if !known {
			return nil, fmt.Errorf("it asks for %s, %w", name, errNewer)
		}
		parts = append(parts, macroPart{zone: z, isZone: true})
		value = after
	}
	return parts, nil
}

// macroZone returns the zone of one value that SecLang calls name.
func macroZone(name string) (zone, bool) {
	for _, z := range []zone{zoneURI, zoneURIFull, zoneMethod, zoneProtocol} {
		if strings.EqualFold(zoneInfos[z].alert, name) {
			return z, true
		}
	}
	return 0, false
}

// textOf returns what an operator looks for in this request.
func (in *Inspection) textOf(o *operator) []byte {
	if o.macro == nil {
		return o.text
	}
	for _, p := range o.macro {
		if p.isZone {
			in.values(p.zone) // which fills the room
		}
	}
	start := len(in.room.bytes)
	for _, p := range o.macro {
		in.room.bytes = append(in.room.bytes, p.literal...)
		if p.isZone {
			in.room.bytes = append(in.room.bytes, in.values(p.zone)[0].value...)
		}
	}
	return in.room.since(start)
}
