package option

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// Lines are the places of the options of a module in a Caddyfile, as file:line. They
// are part of the module's JSON, because Caddy provisions that, perhaps in another
// process.
//
// The key is the path of an option in its blocks, "challenge: wait". The second one of
// a repeated option is "lapi 2". The block itself has an empty key.
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

// add adds the options of the following block, if there is one.
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

// At adds the place of the option to its error, which may be nil. The error must begin
// with the path of the option, like those of [Check].
func (l Lines) At(err error) error {
	if err == nil || len(l) == 0 {
		return err
	}
	return fmt.Errorf("%w, at %s", err, l.find(err.Error()))
}

// find returns the line of the option with which text begins, otherwise that of the
// block.
func (l Lines) find(text string) string {
	found, within := l[""], ""
	for part := range strings.SplitSeq(text, ": ") {
		part, _, _ = strings.Cut(strings.TrimSuffix(part, " 1"), ` "`) // its value may come next
		line, ok := l[within+part]
		if !ok {
			// Some options add their parent in errors: "detect: scenario login".
			if line, ok = l[part]; !ok {
				return found
			}
			within = ""
		}
		found, within = line, within+part+": "
	}
	return found
}
