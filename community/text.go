package community

import (
	"strings"
	"unicode"
)

// cut returns at most n bytes of a text, in one line without unprintable characters.
func cut(s string, n int) string {
	s = strings.ToValidUTF8(s[:min(len(s), n)], "")
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || unicode.IsControl(r) {
			return ' '
		}
		return printable(r)
	}, s))
}

// printable returns a character, or -1 if it is invisible: it could make a text look like
// another one, or change what is shown after it, as marks for the direction of writing do. Two
// marks are part of words in Persian and in the languages of India.
func printable(r rune) rune {
	const nonJoiner, joiner = '\u200c', '\u200d'
	if unicode.IsPrint(r) || r == nonJoiner || r == joiner {
		return r
	}
	return -1
}

// lines returns a text with its lines, without unprintable characters.
func lines(s string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		switch {
		case r == '\n':
			return r
		case r == '\r':
			return -1
		case unicode.IsSpace(r):
			return ' '
		}
		return printable(r)
	}, strings.ToValidUTF8(s, "\ufffd")))
}
