package lapi

import (
	"slices"
	"strings"
)

// repeated are the origins that say again every few hours what they said, under other
// ids and with another end: the community blocklist, lists, imports and the console.
var repeated = []string{"CAPI", "lists", "cscli-import", "console", "remediation_sync"}

// isOffence reports whether a row with a new id and this origin tells of something that
// the client has done. A decision begins anew then, and passes from before it are void.
func isOffence(origin string) bool {
	word, _, _ := strings.Cut(origin, ":")
	word, _, _ = strings.Cut(word, "/")
	return !slices.Contains(repeated, word)
}
