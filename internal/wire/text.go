package wire

import (
	"unicode/utf16"
	"unicode/utf8"
)

// plain marks the bytes without a special meaning in a string.
var plain = func() (t [256]bool) {
	for c := ' '; c < utf8.RuneSelf; c++ {
		t[c] = c != '"' && c != '\\'
	}
	return t
}()

// str reads a string after its opening quote, and reports whether it was cut at MaxString.
// The bytes are valid until the next read.
func (s *scanner) str() ([]byte, bool, error) {
	for i := s.pos; i < s.end; i++ {
		if c := s.buf[i]; !plain[c] {
			if c != '"' || i-s.pos > MaxString {
				break
			}
			b := s.buf[s.pos:i]
			s.pos = i + 1
			return b, false, nil
		}
	}
	return s.strSlow()
}

// strSlow is str for strings that have escapes or other characters than ASCII, or that
// continue in the next buffer.
func (s *scanner) strSlow() ([]byte, bool, error) {
	s.text = s.text[:0]
	long := false
	var high rune // the first half of a surrogate pair
	for {
		c, err := s.peek()
		if err != nil {
			return nil, false, err
		}
		if high != 0 && c != '\\' {
			s.text = utf8.AppendRune(s.text, utf8.RuneError)
			high = 0
		}
		switch {
		case c == '"':
			s.pos++
			b, cut := s.clean(long)
			return b, cut, nil
		case c == '\\':
			s.pos++
			if high, err = s.escape(high); err != nil {
				return nil, false, err
			}
		case c < ' ':
			return nil, false, s.errorf("%q in a string", c)
		default:
			s.run()
		}
		if len(s.text) > MaxString {
			s.text, long = s.text[:MaxString], true
		}
	}
}

// run takes the bytes up to the next one with a special meaning. In a string that is already
// too long, it skips them.
func (s *scanner) run() {
	i := s.pos
	for i < s.end && (plain[s.buf[i]] || s.buf[i] >= utf8.RuneSelf) {
		i++
	}
	// One byte more than the limit is kept, to recognize a string that is too long.
	n := min(i-s.pos, MaxString+1-len(s.text))
	s.text = append(s.text, s.buf[s.pos:s.pos+n]...)
	s.pos = i
}

// escape reads the characters after a backslash. An unpaired surrogate becomes U+FFFD, as in
// encoding/json. The first half of a pair is returned, and the caller passes it in with the
// next escape.
func (s *scanner) escape(high rune) (rune, error) {
	c, err := s.peek()
	if err != nil {
		return 0, err
	}
	r := rune(unescaped[c])
	switch {
	case c == 'u':
		s.pos++
		if r, err = s.hex(); err != nil {
			return 0, err
		}
	case r == 0:
		return 0, s.errorf("%q behind a backslash", c)
	default:
		s.pos++
	}
	if high != 0 {
		if pair := utf16.DecodeRune(high, r); pair != utf8.RuneError {
			s.text = utf8.AppendRune(s.text, pair)
			return 0, nil
		}
		s.text = utf8.AppendRune(s.text, utf8.RuneError)
	}
	if 0xd800 <= r && r < 0xdc00 {
		return r, nil
	}
	s.text = utf8.AppendRune(s.text, r)
	return 0, nil
}

var unescaped = [256]byte{
	'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t',
}

// hex reads the four digits after \u.
func (s *scanner) hex() (rune, error) {
	var r rune
	for range 4 {
		c, err := s.peek()
		if err != nil {
			return 0, err
		}
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c && c <= 'f':
			c -= 'a' - 10
		case 'A' <= c && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, s.errorf("%q in a \\u escape", c)
		}
		s.pos++
		r = r<<4 | rune(c)
	}
	return r, nil
}

// clean returns text with each byte that is not valid UTF-8 replaced by U+FFFD, as in
// encoding/json, and cut to MaxString. At a cut it removes an incomplete character.
func (s *scanner) clean(long bool) ([]byte, bool) {
	text := s.text
	if long {
		for range utf8.UTFMax - 1 {
			r, n := utf8.DecodeLastRune(text)
			if r != utf8.RuneError || n > 1 {
				break
			}
			text = text[:len(text)-1]
		}
	}
	if utf8.Valid(text) {
		return text, long
	}
	s.fixed = s.fixed[:0]
	for len(text) > 0 {
		r, n := utf8.DecodeRune(text)
		if len(s.fixed)+utf8.RuneLen(r) > MaxString {
			return s.fixed, true
		}
		s.fixed = utf8.AppendRune(s.fixed, r)
		text = text[n:]
	}
	return s.fixed, long
}
