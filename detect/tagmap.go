package detect

import (
	"encoding/json"
	"fmt"

	"github.com/tocsin-project/tocsin/internal/search"
)

// A tagMap is a list that maps texts to tags. Whole texts come first, then parts
// of them, then regular expressions.
type tagMap struct {
	equal   map[string]string
	parts   []tagged
	any     *search.Automaton // finds any of parts
	longest int               // of parts
	regexps []*search.Regexp
	tags    []string // of regexps
}

type tagged struct{ part, tag string }

func newTagMap(lines []listLine) (*tagMap, error) {
	m := &tagMap{equal: make(map[string]string)}
	for _, line := range lines {
		var row struct{ Pattern, Tag, Type string }
		if err := json.Unmarshal([]byte(line.text), &row); err != nil {
			return nil, fmt.Errorf("line %d: %w", line.number, err)
		}
		if row.Pattern == "" || row.Tag == "" {
			return nil, fmt.Errorf("line %d: want a pattern and a tag", line.number)
		}
		switch row.Type {
		case "equals":
			m.equal[row.Pattern] = row.Tag
		case "contains":
			m.parts = append(m.parts, tagged{row.Pattern, row.Tag})
		case "regex":
			r, err := search.Compile(row.Pattern)
			if err != nil {
				return nil, fmt.Errorf("line %d: %w", line.number, err)
			}
			m.regexps, m.tags = append(m.regexps, r), append(m.tags, row.Tag)
		default:
			return nil, fmt.Errorf("line %d: %w", line.number, unknownThing("it has the type %s", row.Type))
		}
	}
	literals := make([]string, len(m.parts))
	for i, p := range m.parts {
		literals[i] = p.part
		m.longest = max(m.longest, len(p.part))
	}
	m.any = search.New(literals, false)
	return m, nil
}

// lookup returns the tag of s, or the empty text. Of the parts of s the leftmost
// counts, and of those that begin at one place the first in the list.
func (m *tagMap) lookup(s string) string {
	if m == nil {
		return ""
	}
	if tag, ok := m.equal[s]; ok {
		return tag
	}
	if m.any.In(s) {
		return m.leftmost(s)
	}
	for i, r := range m.regexps {
		if r.Match(s) {
			return m.tags[i]
		}
	}
	return ""
}

func (m *tagMap) leftmost(s string) string {
	at, first := len(s), len(m.parts)
	m.any.Scan(s, func(part int32, end int) bool {
		i := int(part)
		if start := end - len(m.parts[i].part); start < at || start == at && i < first {
			at, first = start, i
		}
		return end-m.longest <= at // or what follows begins later
	})
	return m.parts[first].tag
}
