package lapi

import (
	"slices"
	"strings"
)

// repeated are the origins that send the same decisions again every few hours, with new
// ids and ends: the community blocklist, lists, imports and the console.
var repeated = []string{"CAPI", "lists", "cscli-import", "console", "remediation_sync"}

// isOffence reports whether a row with a new id and this origin means a new offence of
// the client. Then the decision gets a new beginning, and earlier passes are void.
func isOffence(origin string) bool {
	word, _, _ := strings.Cut(origin, ":")
	word, _, _ = strings.Cut(word, "/")
	return !slices.Contains(repeated, word)
}
