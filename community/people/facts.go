package people

import (
	"encoding/json"
	"net/http"
	"net/url"

	pages "github.com/tocsin-project/tocsin/internal/page"

	"github.com/tocsin-project/tocsin/community"
	"github.com/tocsin-project/tocsin/consensus"
)

// errNotYours refuses data that only the person who uses the address may get.
var errNotYours = refusal{status: http.StatusForbidden, text: func(w *words) string { return w.NotYours }}

// A factsView is the data of the page with the stored data about an address.
type factsView struct {
	Facts community.Facts
	JSON  string // link to the same as JSON
}

// facts shows all stored data about the client's address. The client must first follow a
// redirect with a signed value, as every browser and curl -L do.
func (h *Handler) facts(w http.ResponseWriter, r *http.Request) error {
	d, unit := h.asked(r)
	query := r.URL.Query()
	asJSON := query.Get("format") == "json" || pages.Negotiate(r.Header) == pages.ProblemJSON
	if d.Bad || !unit.IsValid() || unit != d.Yours || isEarly(r) {
		return refused(asJSON, w, errNotYours)
	}
	proof := query.Get("proof")
	if proof == "" {
		w.Header().Set("Cache-Control", "no-store")
		http.Redirect(w, r, h.factsURL(unit, asJSON), http.StatusSeeOther)
		return nil
	}
	if !h.mint.valid(proof, toRead, proofOf(unit, true)) {
		return refused(asJSON, w, errForeign)
	}
	facts, err := h.centre.Facts(r.Context(), unit)
	if err != nil {
		return err
	}
	if asJSON {
		return writeJSON(w, http.StatusOK, facts)
	}
	words := wordsOf(r)
	return h.render(w, r, http.StatusOK, "facts", &view{
		words: words, Title: words.FactsTitle, Wide: true, Data: factsView{facts, h.factsURL(unit, true)},
	})
}

// factsURL returns the URL where a client gets the data about its address.
func (h *Handler) factsURL(unit consensus.Unit, asJSON bool) string {
	query := url.Values{"proof": {h.mint.sign(toRead, proofOf(unit, true))}}
	if asJSON {
		query.Set("format", "json")
	}
	return "/facts?" + query.Encode()
}

// refused answers programs with JSON, and people with a page.
func refused(asJSON bool, w http.ResponseWriter, why refusal) error {
	if !asJSON {
		return why
	}
	return writeJSON(w, why.status, map[string]string{"message": why.text(&english)})
}

func writeJSON(w http.ResponseWriter, status int, value any) error {
	text, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "private, no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Robots-Tag", "noindex")
	h.Set("Content-Disposition", `attachment; filename="facts.json"`)
	w.WriteHeader(status)
	_, _ = w.Write(append(text, '\n')) // on an error the client has disconnected
	return nil
}
