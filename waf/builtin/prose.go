package builtin

import "bytes"

// Marks of prose.
const (
	proseWords = 2  // of those that only people use
	foreign    = 12 // bytes beyond ASCII
	docLines   = 3
	docWidth   = 14 // bytes of an average line of a document
)

// people are words that sentences have, and attacks do not.
var people = func() map[string]bool {
	all := map[string]bool{}
	for w := range bytes.FieldsSeq([]byte(`
		a an the of is are was were be been to for this that these those my your our their his her its i you we they he she it me us them how what why when where which who
		can could should would will may might must does did do don have has had please thanks hello hi hey about because but if then with without into after before every some any
		there here also only very just than try use used using need want like get got see say said works work example error help called write named
		der die das und ist sind nicht ein eine einen mit von zu auf im den dem des wie was warum ich du wir sie es auch oder bitte danke hallo kann muss wird wenn aber für über
		le la les un une des est et que qui dans pour avec sur pas ce cette je tu nous vous il elle comment pourquoi merci bonjour
		el los las una es y en por para con del como qué pero hola gracias o e os um uma não com che non il di per sono questo grazie de het een van dat niet met voor aan`)) {
		all[string(w)] = true
	}
	for w := range bytes.FieldsSeq([]byte(`a i is if then when where like with without into for any some do o e y get use using an to by or help error who`)) {
		delete(all, string(w)) // attacks have them, too
	}
	return all
}()

// isProse reports whether a text is what people write: sentences, or a document of several
// lines.
func isProse(t *text) bool {
	return isDocument(t.decoded) || isSource(t.decoded) || countWords(t.spaced) >= proseWords || countForeign(t.decoded) >= foreign && !isBinary(t.decoded)
}

// isPhrase reports whether a text is one phrase in quotes, as people search for it.
func isPhrase(s []byte) bool {
	return len(s) > 2 && s[0] == '"' && bytes.IndexAny(s[1:], `"`) == len(s)-2 && bytes.IndexByte(s, ' ') > 0 && !bytes.ContainsAny(s, "'`<{;(")
}

// isSource reports whether a text of several lines begins as a program does, which people
// give to those who run programs for them.
func isSource(s []byte) bool {
	return hasAnyPrefix(s, "import ", "from ", "#include", "package ", "using ", "const ", "let ", "#!/") && bytes.IndexByte(s, '\n') >= 0
}

// isBinary reports whether there is what no text has. Bytes beyond ASCII are no language
// then.
func isBinary(s []byte) bool {
	for _, c := range s {
		if c < '\t' {
			return true
		}
	}
	return false
}

func isDocument(s []byte) bool {
	lines := bytes.Count(s, []byte("\n"))
	return lines >= docLines && len(s) >= docLines*docWidth && len(s)/(lines+1) >= docWidth
}

func countForeign(s []byte) (n int) {
	for _, c := range s {
		if c >= 0x80 {
			n++
		}
	}
	return n
}

// countWords counts the words of people that stand between blanks or marks.
func countWords(s []byte) (n int) {
	for start := 0; start < len(s) && n < proseWords; {
		end := start
		for end < len(s) && (isLetter(s[end]) || s[end] >= 0x80) {
			end++
		}
		if isAlone(s, start, end) && people[string(s[start:end])] {
			n++
		}
		start = end + 1
	}
	return n
}

// isAlone reports whether a word stands between blanks, or before a mark.
func isAlone(s []byte, start, end int) bool {
	if end == start || start > 0 && s[start-1] != ' ' && s[start-1] != '>' {
		return false
	}
	if end == len(s) || s[end] == ' ' {
		return true
	}
	return bytes.IndexByte([]byte(",.?!:"), s[end]) >= 0 && (end+1 == len(s) || s[end+1] == ' ')
}
