package people

import (
	"net/http"
	"strings"

	pages "github.com/tocsin-project/tocsin/internal/page"

	"github.com/tocsin-project/tocsin/community"
	"github.com/tocsin-project/tocsin/consensus"
)

// words are the texts of the pages for the public in one language. Each language has its own
// file, words_LANG.go.
type words struct {
	Lang string // as in [pages.Words]
	Dir  string
	page *pages.Words

	// The first page.
	Title      string // question
	Intro      string
	Address    string // label
	Check      string // on a button
	BadAddress string // examples follow
	Yours      string // the address is the client's
	Listed     string
	NotListed  string
	Exempt     string
	NotYours   string // why the person gets no more data

	// Labels and values of a listing.
	Until, Since, Effect, Saw, When, Witnesses, Networks, Ordinary, Weight, Earlier, Suspended string
	Banned, Challenged                                                                         string
	Exploit, BruteForce, Fraud, Spam, DoS, Scan, Crawl, Other, Mixed                           string

	// Appeals.
	Appeal      string // heading, and on a button
	AppealOwn   string // what happens next if the person uses the address
	AppealOther string // and otherwise
	Text        string // label
	Taken       string // title
	Ended       string // the listing has
	Waits       string // a person decides
	Keep        string // the ticket and the receipt
	Ticket      string
	Receipt     string
	Due         string

	// Cases.
	CaseTitle                                                   string
	Show                                                        string // on a button
	NoCase                                                      string
	Kind, State, Opened, Decided, Reason                        string // labels
	Erasure, Open, Upheld, Goodwill, Rejected, Withdrawn        string
	Complain                                                    string // to whom, after a rejection
	FactsTitle, FactsFile, EraseTitle, EraseText, Erase, Erased string
	Expired, TooLong                                            string // what is wrong with a form
	NoPage, NotDone                                             string // titles
	Notice, Figures, Members                                    string // links
}

// languages are all languages by their names.
var languages = named(
	&english, &arabic, &german, &spanish, &french, &italian, &japanese, &dutch,
	&polish, &portuguese, &brazilian, &russian, &turkish, &simplifiedChinese, &traditionalChinese,
)

// named returns texts by their languages.
func named(all ...*words) map[string]*words {
	m := map[string]*words{}
	for _, w := range all {
		m[w.Lang] = w
	}
	for _, p := range pages.Languages() {
		if w := m[p.Lang]; w != nil {
			w.page, w.Dir = p, p.Dir
		}
	}
	return m
}

// wordsOf returns the words for a client.
func wordsOf(r *http.Request) *words {
	if w := languages[pages.WordsFor(r.Header.Get("Accept-Language")).Lang]; w != nil {
		return w
	}
	return &english
}

// EffectOf returns the text about the members' action.
func (w *words) EffectOf(a consensus.Remediation) string {
	if a == consensus.Ban {
		return w.Banned
	}
	return w.Challenged
}

// Behaviour returns the text about a behaviour. Names of protocols are the same in all
// languages.
func (w *words) Behaviour(name string) string {
	protocol, class, found := strings.Cut(name, ":")
	if !found {
		protocol, class = "", name
	}
	text := map[string]string{
		"exploit": w.Exploit, "rce": w.Exploit, "post-exploitation": w.Exploit, "bruteforce": w.BruteForce, "fraud": w.Fraud,
		"spam": w.Spam, "dos": w.DoS, "scan": w.Scan, "crawl": w.Crawl, "": w.Mixed,
	}[class]
	if text == "" {
		text = w.Other
	}
	if protocol == "" || protocol == "generic" {
		return text
	}
	return text + " (" + strings.ToUpper(protocol) + ")"
}

// KindOf returns the name of a kind of case.
func (w *words) KindOf(k community.CaseKind) string {
	if k == community.Erasure {
		return w.Erasure
	}
	return w.Appeal
}

// StateOf returns the name of a state.
func (w *words) StateOf(s community.CaseState) string {
	return map[community.CaseState]string{
		community.Open: w.Open, community.Upheld: w.Upheld, community.Goodwill: w.Goodwill, community.Rejected: w.Rejected, community.Withdrawn: w.Withdrawn,
	}[s]
}
