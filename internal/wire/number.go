package wire

// maxIDDigits is how many digits of an id are read: more do not fit for sure.
const maxIDDigits = 18

// id reads a value inside depth containers, and returns it if it is a whole number of at
// least 1. Other values are ignored and are no error.
func (s *scanner) id(depth int) (int64, error) {
	c, err := s.token()
	if err != nil {
		return 0, err
	}
	if c < '1' || c > '9' {
		return 0, s.skip(depth)
	}
	var n int64
	size := 0
	for ; err == nil && '0' <= c && c <= '9'; size++ {
		if size < maxIDDigits {
			n = n*10 + int64(c-'0')
		}
		s.pos++
		c, err = s.peek()
	}
	if size > maxIDDigits || c == '.' || c == 'e' || c == 'E' {
		n = 0
	}
	return n, s.fraction()
}

// number reads a number of any length, and ignores its value.
func (s *scanner) number() error {
	c, err := s.peek()
	if err != nil {
		return err
	}
	if c == '-' {
		s.pos++
		if c, err = s.peek(); err != nil {
			return err
		}
	}
	if c == '0' {
		s.pos++
	} else if err := s.digits(); err != nil {
		return err
	}
	return s.fraction()
}

// fraction reads the optional part after the digits of a whole number.
func (s *scanner) fraction() error {
	if s.at('.', '.') {
		s.pos++
		if err := s.digits(); err != nil {
			return err
		}
	}
	if s.at('e', 'E') {
		s.pos++
		if s.at('+', '-') {
			s.pos++
		}
		return s.digits()
	}
	return nil
}

// digits reads one digit or more.
func (s *scanner) digits() error {
	c, err := s.peek()
	if err != nil {
		return err
	}
	if c < '0' || c > '9' {
		return s.errorf("%q where a value or digit should be", c)
	}
	for err == nil && '0' <= c && c <= '9' {
		s.pos++
		c, err = s.peek()
	}
	// The next read reports the end of the input or an error.
	return nil
}

// at reports whether the next byte is a or b.
func (s *scanner) at(a, b byte) bool {
	c, err := s.peek()
	return err == nil && (c == a || c == b)
}
