package detect

import (
	"net/http"
	"strings"
)

// Some programs ask for what else only a search asks for: git clones a repository that
// is published as a folder, and a backup reads the files that it has kept. What tells
// them from a search is what the site has given them before.

// cloning reports whether the request is for what git asks for in a repository of which
// the client has got the list, info/refs. Only who publishes one has such a list. Who
// wants the settings and the secrets of a repository asks for other files.
func (v *view) cloning() (string, bool) {
	repo, part, ok := strings.Cut(strings.ToLower(v.path()), "/.git/")
	if ok && isClonePart(part) && v.habits != nil && v.habits.isPlace(placeClones, v.keeper("git", repo)) {
		return "true", true
	}
	return "false", true
}

// isClonePart reports whether git asks for a part of a repository's folder when it clones
// from a server that knows nothing of git.
func isClonePart(part string) bool {
	const hash = 40
	object, isObject := strings.CutPrefix(part, "objects/")
	switch {
	case !isObject:
		return part == "head" || part == "info/refs"
	case strings.HasPrefix(object, "info/"), strings.HasPrefix(object, "pack/pack-"):
		return true
	}
	dir, name, _ := strings.Cut(object, "/")
	return len(dir) == 2 && len(dir)+len(name) >= hash && isHexText(dir) && isHexText(name)
}

// exposed reports whether the site has handed out a file that is no page and no answer of
// an API to somebody who has shown nothing that it accepts.
func (v *view) exposed() (string, bool) {
	kind := strings.ToLower(v.evt.ContentType)
	if !v.isFine() || strings.Contains(kind, "html") || strings.Contains(kind, "json") || v.isOwner() {
		return "false", true
	}
	return "true", true
}

// isOwner reports whether the client has shown credentials that the site accepts, or the
// site keeps files for it.
func (v *view) isOwner() bool {
	if result, _ := v.login(); result == loginSuccess || v.isSignedForS3() {
		return true
	}
	return v.habits != nil && (v.clients.isKnown(v.clientKey(), v.now().UnixNano()) || v.habits.isPlace(placeKeeps, v.folder()))
}

// isSignedForS3 reports whether a store has read the signature of a request. It refuses a
// wrong one, also where everybody may read.
func (v *view) isSignedForS3() bool {
	return strings.HasPrefix(first(v.evt.Request["Authorization"]), "AWS4-HMAC-SHA256 ") && len(v.evt.Header["X-Amz-Request-Id"]) > 0
}

// noteKeeper learns that a client has got the list of a repository, or that the site
// keeps files for it: it has written one, or has got a list of them. Front controllers
// that answer each method with 200 do neither.
func (d *Detector) noteKeeper(v *view) {
	if !v.isFine() {
		return
	}
	switch v.evt.Method {
	case http.MethodGet:
		if repo, ok := strings.CutSuffix(v.path(), "/.git/info/refs"); ok && !strings.Contains(v.evt.ContentType, "html") {
			d.habits.learnPlace(v, placeClones, v.keeper("git", strings.ToLower(repo)))
		}
	case http.MethodPut, "MKCOL":
		if v.evt.Status == http.StatusCreated || v.evt.Status == http.StatusNoContent {
			d.habits.learnPlace(v, placeKeeps, v.folder())
		}
	case "PROPFIND":
		if v.evt.Status == http.StatusMultiStatus {
			d.habits.learnPlace(v, placeKeeps, v.folder())
		}
	}
}

// keeper stands for a part of a site that has given something to the client.
func (v *view) keeper(what, part string) uint64 {
	site, _ := v.site()
	return v.habits.hash("keeper", what, strings.ToLower(site), part, v.client.Addr().String())
}

// folder is keeper for files that are below the first element of the path.
func (v *view) folder() uint64 { return v.keeper("files", template(v.path(), 1)) }
