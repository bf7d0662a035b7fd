package wire

// maxShared is how many strings an interner holds, each of at most MaxString
// bytes. CrowdSec's hub has some hundreds of scenarios; a server that makes
// names up costs allocations, but no memory beyond this.
const maxShared = 4096

// An interner gives out one string for equal texts.
type interner map[string]string

func (m *interner) get(text []byte) string {
	if s, ok := (*m)[string(text)]; ok {
		return s
	}
	if *m == nil {
		*m = make(interner)
	}
	if len(*m) >= maxShared {
		clear(*m) // the ones in use are back soon
	}
	s := string(text)
	(*m)[s] = s
	return s
}
