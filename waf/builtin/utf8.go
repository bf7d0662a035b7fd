package builtin

// utf8Of reads UTF-8 that is longer than it has to be, and the characters that databases
// and sites take for one of ASCII. Of another character it returns the first byte.
func utf8Of(s []byte) (byte, int) {
	switch {
	case s[0] <= 0xc1:
		return twoBytes(s)
	case s[0] >= 0xf0:
		return longUTF8(s)
	}
	if len(s) > 2 && s[0]&0xf0 == 0xe0 && s[1]&0xc0 == 0x80 && s[2]&0xc0 == 0x80 {
		u := uint32(s[0]&0x0f)<<12 | uint32(s[1]&0x3f)<<6 | uint32(s[2]&0x3f)
		if c := narrow(u); c < 0x80 && (u < 0x80 || u >= 0x2000) {
			return c, 3
		}
	}
	return s[0], 1
}

// twoBytes reads ASCII in two bytes of UTF-8, also if the second is none: some take it for
// that.
func twoBytes(s []byte) (byte, int) {
	switch {
	case len(s) < 2:
	case s[1]&0xc0 == 0x80:
		return s[0]&1<<6 | s[1]&0x3f, 2
	case s[1] == '.', s[1] == '/', s[1] == '\\':
		return s[1], 2
	}
	return s[0], 1
}

// longUTF8 reads ASCII in four to six bytes of UTF-8, or returns the first byte.
func longUTF8(s []byte) (byte, int) {
	size := 4
	if s[0] >= 0xf8 {
		size = 5
	}
	if s[0] >= 0xfc {
		size = 6
	}
	if len(s) < size || s[0] != 0xf0 && s[0] != 0xf8 && s[0] != 0xfc || s[size-1]&0xc0 != 0x80 {
		return s[0], 1
	}
	for _, c := range s[1 : size-2] {
		if c != 0x80 {
			return s[0], 1
		}
	}
	if s[size-2] > 0x81 {
		return s[0], 1
	}
	return s[size-2]&1<<6 | s[size-1]&0x3f, size
}

// narrow returns the ASCII character that u is or looks like, or a byte that is none.
func narrow(u uint32) byte {
	switch {
	case u < 0x80:
		return byte(u)
	case 0xff01 <= u && u <= 0xff5e:
		return byte(u - 0xff01 + '!')
	case u == 0x2018, u == 0x2019, u == 0x2bc, u == 0x2032:
		return '\''
	case u == 0x2024:
		return '.'
	case u == 0x2215, u == 0x2044, u == 0xefc8, u == 0xf025: // the last two to old IIS
		return '/'
	case u == 0x2216, u == 0x29f5:
		return '\\'
	case u == 0x2028, u == 0x2029, u == 0x3000, u == 0xa0:
		return ' '
	}
	return 0xff
}
