package people

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"net/http"
	"net/netip"
	"strings"
	"time"

	pages "github.com/tocsin-project/tocsin/internal/page"

	"github.com/tocsin-project/tocsin/consensus"
)

//go:embed *.html
var sources embed.FS

//go:embed style.css
var styleCSS string

// accent is the colour of marks and buttons.
const accent = "#1f5fa8"

// A look is the design of all pages.
type look struct {
	style  template.CSS
	policy string
	pages  map[string]*template.Template // by the name of their content
}

// A view is a page to be shown.
type view struct {
	words *words
	Title string
	Wide  bool   // it has tables
	Alert string // an error or a result
	Nav   []link
	Data  any

	community string
	style     template.CSS
}

// A link leads to another page.
type link struct {
	URL, Text string
	Here      bool
}

// Words and what follows are for the templates.
func (v *view) Words() *words       { return v.words }
func (v *view) Community() string   { return v.community }
func (v *view) Style() template.CSS { return v.style }

func newLook() (*look, error) {
	theme, err := pages.NewLook(pages.Theme{}, accent)
	if err != nil {
		return nil, err
	}
	l := &look{style: theme.Style + template.CSS(pages.Terse(styleCSS)), pages: map[string]*template.Template{}} //nolint:gosec // the package's own style
	l.policy = "default-src 'none'; style-src " + pages.Hash(l.style) + "; img-src data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
	all, err := template.New("").Funcs(functions).ParseFS(sources, "*.html")
	if err != nil {
		return nil, err
	}
	for _, t := range all.Templates() {
		name, isContent := strings.CutPrefix(t.Name(), "content ")
		if !isContent {
			continue
		}
		page, err := all.Clone()
		if err != nil {
			return nil, err
		}
		if l.pages[name], err = page.AddParseTree("content", t.Tree); err != nil {
			return nil, err
		}
	}
	return l, nil
}

// functions are the functions of the templates.
var functions = template.FuncMap{
	"when": func(t time.Time) template.HTML { return stamp(t, "2006-01-02 15:04") },
	"hour": func(t time.Time) template.HTML { return stamp(t.Truncate(time.Hour), "2006-01-02 15:04") },
	"show": show,
}

// stamp writes a time, which has the same direction in all scripts.
func stamp(t time.Time, layout string) template.HTML {
	if t.IsZero() {
		return "–"
	}
	t = t.UTC()
	return template.HTML(fmt.Sprintf(`<time dir="ltr" datetime="%s">%s UTC</time>`, t.Format(time.RFC3339), t.Format(layout))) //nolint:gosec // a time has no special characters
}

// show writes a unit: an address, or a /64.
func show(unit consensus.Unit) string {
	if !unit.IsValid() {
		return "–"
	}
	return consensus.UnitText(unit)
}

// render answers r with a page.
func (h *Handler) render(w http.ResponseWriter, r *http.Request, status int, name string, v *view) error {
	v.community, v.style = h.about.Name, h.look.style
	var b bytes.Buffer
	if err := h.look.pages[name].ExecuteTemplate(&b, "layout", v); err != nil {
		return fmt.Errorf("making page %s: %w", name, err)
	}
	answer := pages.Answer{
		Status: status, ContentType: pages.TypeHTML, Lang: v.words.Lang, Policy: h.look.policy, Referrer: "same-origin", Body: b.Bytes(),
	}
	w.Header().Set("Cross-Origin-Opener-Policy", "same-origin")
	w.Header().Set("Cross-Origin-Resource-Policy", "same-origin")
	answer.Send(w, r)
	return nil
}

// unitOf returns the unit of an address; zero: it is not a public address.
func unitOf(ip netip.Addr) consensus.Unit {
	if !ip.IsValid() {
		return consensus.Unit{}
	}
	return consensus.UnitOf(ip)
}
