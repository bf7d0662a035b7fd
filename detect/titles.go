package detect

import "strings"

// isTitle reports whether an element has three words or more, like the names of articles and
// products, and unlike the words that attackers try.
func isTitle(element string) bool {
	const shortest = 14
	return len(element) >= shortest && strings.Count(element, "-")+strings.Count(element, "_") >= 2
}

// isNamedPage reports whether an element is an HTML page whose name has two words, like
// those of products, neither of which attackers search for.
func isNamedPage(element string) bool {
	const shortest = 4 // the shortest length of each word
	name, isPage := strings.CutSuffix(strings.TrimPrefix(element, "/"), ".html")
	one, two, isPair := strings.Cut(name, "-")
	if !isPage || !isPair || len(one) < shortest || len(two) < shortest || soughtNames.has(one) || soughtNames.has(two) {
		return false
	}
	return isLetters(one) && isLetters(two)
}

func isLetters(text string) bool {
	return strings.IndexFunc(text, func(r rune) bool { return r < 'a' || r > 'z' }) < 0
}

// isWikiTitle reports whether the only element of a path looks like the title of a wiki
// page: it begins with a capital letter, and has an underscore for each space.
func isWikiTitle(p string) bool {
	title := strings.TrimPrefix(p, "/")
	if title == "" || title[0] < 'A' || title[0] > 'Z' || strings.ContainsAny(title, "/.") {
		return false
	}
	n := lettersOf(title)
	return strings.Contains(title, "_") && n.upper <= strings.Count(title, "_")+1 && n.lower > n.upper
}
