package people

import (
	"cmp"
	"encoding/json"
	"net/http"
	"time"

	"github.com/tocsin-project/tocsin/community"
)

// An aboutView is the data of the pages about the community.
type aboutView struct {
	community.About
	TermsURL  string // of the operator's terms; empty: none
	Constants string // as JSON
	Figures   community.Figures
	Percent   int
	Decision  string
	Frozen    bool
}

// Days writes a time as days.
func (aboutView) Days(d time.Duration) int { return int((d + 24*time.Hour - 1) / (24 * time.Hour)) }

// Hours writes a time as hours.
func (aboutView) Hours(d time.Duration) int { return int(d / time.Hour) }

// Controller names the person or organization responsible for the community.
func (v aboutView) Controller() string {
	return cmp.Or(v.Operator.Name, "the operator of this server, who has not given a name")
}

// Contact returns the operator's contact.
func (v aboutView) Contact() string { return cmp.Or(v.Operator.Contact, "not given") }

// Recipients names the readers of the list.
func (v aboutView) Recipients() string {
	if v.Public {
		return "everybody: the list is public"
	}
	return "the members of the community, under its terms"
}

func (h *Handler) aboutView() (aboutView, error) {
	v := aboutView{About: h.about, TermsURL: h.cfg.TermsURL}
	rules, err := json.MarshalIndent(h.about.Rules, "", "  ")
	v.Constants = string(rules)
	return v, err
}

// showAbout shows a page about the community. It is in English.
func (h *Handler) showAbout(w http.ResponseWriter, r *http.Request, name, title string, v aboutView) error {
	return h.render(w, r, http.StatusOK, name, &view{words: &english, Title: title, Wide: true, Data: v})
}

func (h *Handler) notice(w http.ResponseWriter, r *http.Request) error {
	v, err := h.aboutView()
	if err != nil {
		return err
	}
	return h.showAbout(w, r, "notice", "Privacy notice", v)
}

func (h *Handler) terms(w http.ResponseWriter, r *http.Request) error {
	v, err := h.aboutView()
	if err != nil {
		return err
	}
	return h.showAbout(w, r, "terms", "Terms for members, version "+v.Terms, v)
}

func (h *Handler) records(w http.ResponseWriter, r *http.Request) error {
	v, err := h.aboutView()
	if err == nil {
		v.Figures, err = h.centre.Figures()
	}
	if err != nil {
		return err
	}
	return h.showAbout(w, r, "records", "Records of the operator", v)
}

func (h *Handler) figures(w http.ResponseWriter, r *http.Request) error {
	v, err := h.aboutView()
	if err == nil {
		v.Figures, err = h.centre.Figures()
	}
	if err != nil {
		return err
	}
	v.Frozen, v.Decision = h.centre.Frozen().On, "none yet"
	if v.Figures.Appeals > 0 {
		v.Percent = int(100 * v.Figures.Upheld / v.Figures.Appeals)
	}
	if v.Figures.MedianDecision > 0 {
		v.Decision = english.page.Span(v.Figures.MedianDecision)
	}
	return h.showAbout(w, r, "figures", "Figures", v)
}
