// Package builtin answers whether a request is an attack whatever application is behind: it
// has rules for the classes of attacks that any site sees, beside CrowdSec's rules for
// known holes.
//
// Most are found by signs: patterns that are held against every value of a request, without
// its escapes. Each sign has points. The points of all signs of a class in one value say how
// sure the finding is. One strong sign is certain, several weak ones are likely. What people
// write about attacks, in prose or in documents of several lines, is only observed.
//
// Others are rules in the language of package waf: about headers, names of values and of
// files.
//
// A request costs bounded work. Of each value the beginning and the end are looked at, and
// of a request so much in all: see [waf.Inspection.Over].
package builtin

import (
	"embed"

	"github.com/tocsin-project/tocsin/waf"
)

//go:embed rules
var files embed.FS

// Set returns the rules for [waf.LoadConfig].
func Set() waf.Set { return waf.Set{Name: "builtin", Files: files, Detector: newDetector()} }
