package caddymodule

import (
	"cmp"
	"errors"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/tocsin-project/tocsin/caddymodule/option"
	"github.com/tocsin-project/tocsin/middleware"
)

// Look says how the pages look that stopped clients see. Placeholders are
// replaced when the config is loaded.
type Look struct {
	// Where clients can turn to that were stopped by mistake: a URL, in which
	// {ref} stands for the reference, or a mail address. Default: none.
	Contact string `json:"contact,omitempty"`

	// Colour of what stands out, such as b3261e or #b3261e. In a Caddyfile a #
	// begins a comment unless it is quoted. Default: red for a ban, blue for a
	// challenge.
	Accent string `json:"accent,omitempty" option:"-"`

	// Origins whose pages may show ours in frames, separated by spaces, such as
	// https://example.com, https://*.example.com and 'self'. Default: none.
	FrameAncestors string `json:"frame_ancestors,omitempty" option:"joined"`
}

// checkedLook checks the options of h and returns how its pages look: what it leaves
// open is as the app says.
func (h *Handler) checkedLook(app Look, repl *caddy.Replacer) (Look, error) {
	if err := option.Check(h); err != nil {
		return Look{}, err
	}
	look := h.Look
	err := look.resolve(repl)
	return look.or(app), err
}

// colour reads a colour. Without quotes one with a # is a comment to a Caddyfile.
func colour(to *string) option.Parser {
	return func(d *caddyfile.Dispenser, name string) error {
		if !d.NextArg() {
			return d.Errf("%s: wants a colour; a # begins a comment, so write accent 336699 or accent \"#336699\"", name)
		}
		d.Prev()
		return option.Exact(d, name, to)
	}
}

// or returns l with what it leaves open as other has it.
func (l Look) or(other Look) Look {
	return Look{
		cmp.Or(l.Contact, other.Contact), cmp.Or(l.Accent, other.Accent), cmp.Or(l.FrameAncestors, other.FrameAncestors),
	}
}

// resolve replaces the placeholders in l, and checks it. The placeholder of the reference
// is not one of Caddy's, and stays.
func (l *Look) resolve(repl *caddy.Replacer) error {
	repl.Set("ref", "{ref}")
	defer repl.Delete("ref")
	if err := option.Replace(repl, l); err != nil {
		return err
	}
	if l.Accent != "" && !strings.HasPrefix(l.Accent, "#") {
		l.Accent = "#" + l.Accent
	}
	if *l == (Look{}) {
		return nil
	}
	_, err := middleware.NewPage(l.pageConfig())
	return errors.Unwrap(err) // without "making page"
}

// pageConfig returns the config of a page that looks like this.
func (l *Look) pageConfig() middleware.PageConfig {
	return middleware.PageConfig{Contact: l.Contact, Accent: l.Accent, FrameAncestors: strings.Fields(l.FrameAncestors)}
}
