package option

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// Lines say where the options of a module are in a Caddyfile, as file:line. A module has
// them in its JSON, because Caddy provisions that, perhaps in another process.
//
// The key is the path of an option in its blocks, "challenge: wait". The second of an
// option that is given twice is "lapi 2". The block itself has an empty key.
type Lines map[string]string

// LinesOf returns the lines of a segment of a Caddyfile. Options of the given names are
// distinguished by their first argument instead of a number, as "scenario login".
func LinesOf(segment caddyfile.Segment, named ...string) Lines {
	d := caddyfile.NewDispenser(segment)
	d.Next()
	l := Lines{"": at(d)}
	d.RemainingArgs()
	l.add(d, "", named)
	return l
}

func at(d *caddyfile.Dispenser) string { return d.File() + ":" + strconv.Itoa(d.Line()) }

// add adds the options of the block that follows, if one does.
func (l Lines) add(d *caddyfile.Dispenser, within string, named []string) {
	nth := map[string]int{}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		name, line := d.Val(), at(d)
		args := d.RemainingArgs()
		nth[name]++
		switch {
		case slices.Contains(named, name) && len(args) > 0:
			name += " " + args[0]
		case nth[name] > 1:
			name += " " + strconv.Itoa(nth[name])
		}
		l[within+name] = line
		l.add(d, within+name+": ", nil)
	}
}

// At adds to an error, which may be nil, where the option is that it is about. The error
// begins with the path of the option, as those of [Check] do.
func (l Lines) At(err error) error {
	if err == nil || len(l) == 0 {
		return err
	}
	return fmt.Errorf("%w, at %s", err, l.find(err.Error()))
}

// find returns the line of the option that text begins with, else that of the block.
func (l Lines) find(text string) string {
	found, within := l[""], ""
	for part := range strings.SplitSeq(text, ": ") {
		part, _, _ = strings.Cut(strings.TrimSuffix(part, " 1"), ` "`) // its value may follow
		line, ok := l[within+part]
		if !ok {
			// Some options say in errors where they belong: "detect: scenario login".
			if line, ok = l[part]; !ok {
				return found
			}
			within = ""
		}
		found, within = line, within+part+": "
	}
	return found
}
