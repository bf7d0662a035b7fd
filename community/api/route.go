package api

import (
	"maps"
	"net/http"
	"slices"
	"strings"
)

// methods are the handlers of a path by method.
type methods map[string]http.HandlerFunc

func (m methods) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if serve := m[r.Method]; serve != nil {
		serve(w, r)
		return
	}
	w.Header().Set("Allow", strings.Join(slices.Sorted(maps.Keys(m)), ", "))
	refuse(w, http.StatusMethodNotAllowed, "this path does not have the method "+known(r.Method))
}

// known returns a standard method, so that no answer repeats text of a stranger.
func known(method string) string {
	if slices.Contains([]string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions}, method) {
		return method
	}
	return "of this request"
}

func notFound(w http.ResponseWriter, _ *http.Request) {
	refuse(w, http.StatusNotFound, "there is nothing at this path")
}

func (h *Handler) mux() *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("/", notFound)
	mux.Handle("/healthz", methods{"GET": h.health, "HEAD": h.health})
	mux.Handle("/robots.txt", methods{"GET": robots, "HEAD": robots})
	h.nativeRoutes(mux)
	h.textRoutes(mux)
	h.localRoutes(mux)
	for _, version := range []string{"/v2", "/v3"} {
		h.centralRoutes(mux, version)
	}
	return mux
}

func (h *Handler) nativeRoutes(mux *http.ServeMux) {
	const base = "/api/v1/"
	mux.Handle(base+"join", methods{"POST": h.join})
	mux.Handle(base+"signals", methods{"POST": h.asMember(h.signals)})
	mux.Handle(base+"list", methods{"GET": h.asReader(h.list)})
	mux.Handle(base+"questions", methods{"GET": h.asMember(h.questions)})
	mux.Handle(base+"answers", methods{"POST": h.asMember(h.answers)})
	mux.Handle(base+"standing", methods{"GET": h.asMember(h.standing)})
}

func (h *Handler) textRoutes(mux *http.ServeMux) {
	for _, name := range []string{"ban", "captcha", "tor", "scanners"} {
		read := h.asReader(h.text(name))
		mux.Handle("/lists/"+name+".txt", methods{"GET": read, "HEAD": read})
	}
	read := h.asReader(h.textOfBehaviour)
	mux.Handle("/lists/behaviour/{name}", methods{"GET": read, "HEAD": read})
}

func (h *Handler) localRoutes(mux *http.ServeMux) {
	query, stream := h.asBouncer(h.decisions), h.asBouncer(h.localStream)
	check := h.asBouncer(justOK)
	mux.Handle("/health", methods{"GET": up, "HEAD": up})
	mux.Handle("/v1/decisions", methods{"GET": query, "HEAD": check, "DELETE": h.asMachine(noDeletion)})
	mux.Handle("/v1/decisions/{id}", methods{"DELETE": h.asMachine(noDeletion)})
	mux.Handle("/v1/decisions/stream", methods{"GET": stream, "HEAD": check})
	mux.Handle("/v1/usage-metrics", methods{"POST": h.asAny(h.localMetrics)})
	mux.Handle("/v1/watchers", methods{"POST": h.enlist(http.StatusAccepted)})
	mux.Handle("/v1/watchers/login", methods{"POST": h.localLogin})
	mux.Handle("/v1/refresh_token", methods{"GET": h.asMachine(h.refresh)})
	mux.Handle("/v1/heartbeat", methods{"GET": h.asMachine(justOK)})
	mux.Handle("/v1/alerts", methods{"POST": h.asMachine(h.alerts), "GET": h.asMachine(noAlerts)})
	mux.Handle("/v1/allowlists", methods{"GET": h.asMachine(noAllowlists)})
	mux.Handle("/v1/allowlists/check", methods{"POST": h.asMachine(notAllowed)})
	mux.Handle("/v1/allowlists/check/{value...}", methods{"GET": h.asMachine(notAllowed), "HEAD": h.asMachine(noContent)})
}

func (h *Handler) centralRoutes(mux *http.ServeMux, version string) {
	flat := version == "/v2"
	metrics := methods{"POST": h.asEngine(h.centralMetrics)}
	for _, path := range []string{"/metrics", "/metrics/{$}", "/usage-metrics", "/usage-metrics/{$}"} {
		mux.Handle(version+path, metrics)
	}
	mux.Handle(version+"/watchers", methods{"POST": h.enlist(http.StatusOK)})
	mux.Handle(version+"/watchers/login", methods{"POST": h.centralLogin})
	mux.Handle(version+"/watchers/enroll", methods{"POST": h.asEngine(noConsole)})
	mux.Handle(version+"/watchers/reset", methods{"POST": noReset})
	mux.Handle(version+"/signals", methods{"POST": h.asEngine(h.centralSignals)})
	mux.Handle(version+"/decisions/delete", methods{"POST": h.asEngine(h.centralDelete)})
	mux.Handle(version+"/decisions/stream", methods{"GET": h.asEngine(h.centralStream(flat))})
}
