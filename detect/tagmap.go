package detect

import (
	"encoding/json"
	"fmt"

	"github.com/tocsin-project/tocsin/internal/search"
)

// A tagMap is a list that maps texts to tags. It tries whole texts first, then parts of
// them, then regular expressions.
type tagMap struct {
	equal   map[string]string
	parts   []tagged
	any     *search.Automaton // finds all of parts at once
	longest int               // the length of the longest part
	regexps []*search.Regexp
	tags    []string // the tags for regexps
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

// lookup returns the tag of s, or an empty text. If several parts of s match, the leftmost
// one counts, and at the same position the first one in the list.
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
		return end-m.longest <= at // all further matches begin later
	})
	return m.parts[first].tag
}
