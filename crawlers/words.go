package crawlers

import "strings"

const (
	maxAgent = 512 // bytes of a user agent that are searched
	maxWord  = 64  // bytes of a name in one
)

// words finds the names of bots in user agents.
type words [256][]word // by their first byte

type word struct {
	text string // in lower case
	bot  *bot
}

func (w *words) add(agents []string, b *bot) {
	for _, agent := range agents {
		agent = strings.ToLower(agent)
		w[agent[0]] = append(w[agent[0]], word{agent, b})
	}
}

// find reports whether a user agent contains an agent word of a bot for which is
// returns true.
func (w *words) find(userAgent string, is func(*bot) bool) bool {
	userAgent = userAgent[:min(len(userAgent), maxAgent)]
	for i := range len(userAgent) {
		if !isWord(userAgent[i]) || i > 0 && isWord(userAgent[i-1]) {
			continue // no word begins here
		}
		for _, word := range w[lower(userAgent[i])] {
			if startsWith(userAgent[i:], word.text) && is(word.bot) {
				return true
			}
		}
	}
	return false
}

// startsWith reports whether s starts with the whole word.
func startsWith(s, word string) bool {
	if len(s) < len(word) || len(s) > len(word) && isWord(s[len(word)]) {
		return false
	}
	for i := range len(word) {
		if lower(s[i]) != word[i] {
			return false
		}
	}
	return true
}

// isWord reports whether c is part of a word. Bytes outside ASCII are, because they may
// be letters.
func isWord(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '_' || c >= 0x80
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		c += 'a' - 'A'
	}
	return c
}

// isAgent reports whether s is a valid agent word.
func isAgent(s string) bool {
	if s == "" || len(s) > maxWord || !isWord(s[0]) || !isWord(s[len(s)-1]) {
		return false
	}
	for i := range len(s) {
		if c := s[i]; !isWord(c) && c != '-' && c != '.' || c >= 0x80 {
			return false
		}
	}
	return true
}
