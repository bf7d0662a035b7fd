package detect

import "strings"

// agentProducts returns the user agent without the host names and mail addresses in it,
// because they identify the person who runs the program, and not the program.
func (v *view) agentProducts() (string, bool) {
	agent := clip(v.evt.UserAgent)
	if !strings.Contains(agent, ".") {
		return agent, true
	}
	var b strings.Builder
	rest := agent
	for rest != "" {
		end := strings.IndexAny(rest, " ;,()[]<>\"'+")
		if end < 0 {
			end = len(rest)
		}
		if !namesHost(rest[:end]) {
			b.WriteString(rest[:end])
		}
		b.WriteString(rest[end:min(end+1, len(rest))])
		rest = rest[min(end+1, len(rest)):]
	}
	return b.String(), true
}

// namesHost reports whether a word is an address: it has a scheme, an @, or a dot between
// letters with no version after it.
func namesHost(word string) bool {
	if strings.Contains(word, "://") || strings.Contains(word, "@") {
		return true
	}
	dot := strings.LastIndexByte(word, '.')
	if dot <= 0 || strings.Contains(word, "/") {
		return false
	}
	return dot+1 < len(word) && !('0' <= word[dot+1] && word[dot+1] <= '9')
}
