package detect

import (
	"net/http"
	"strings"
)

// Some honest programs make requests that otherwise only attackers make: git clones a
// repository that is published as a folder, and a backup program reads the files that it has
// stored. The difference is what the site has sent to the client before.

// cloning reports whether git requests a part of a repository whose list, info/refs, the
// client has received. Only a site that publishes a repository has such a list. An attacker
// who wants the settings and secrets of a repository requests other files.
func (v *view) cloning() (string, bool) {
	repo, part, ok := strings.Cut(strings.ToLower(v.path()), "/.git/")
	if ok && isClonePart(part) && v.sites != nil && v.sites.isPlace(placeClones, v.receiverKey("git", repo)) {
		return "true", true
	}
	return "false", true
}

// isClonePart reports whether git requests this part of a repository's folder when it clones
// from a plain web server.
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

// exposed reports whether the site sent a file that is neither a page nor an answer of an
// API to a client without accepted credentials.
func (v *view) exposed() (string, bool) {
	kind := strings.ToLower(v.evt.ContentType)
	if !v.isFine() || strings.Contains(kind, "html") || strings.Contains(kind, "json") || v.isOwner() {
		return "false", true
	}
	return "true", true
}

// isOwner reports whether the client has shown credentials that the site accepts, or the
// site stores files for it.
func (v *view) isOwner() bool {
	if result, _ := v.login(); result == loginSuccess || v.isSignedForS3() {
		return true
	}
	return v.sites != nil && (v.clients.isKnown(v.clientKey(), v.now().UnixNano()) || v.sites.isPlace(placeStores, v.folder()))
}

// isSignedForS3 reports whether a store has checked the signature of a request. It refuses a
// wrong signature even for public files.
func (v *view) isSignedForS3() bool {
	return strings.HasPrefix(first(v.evt.Request["Authorization"]), "AWS4-HMAC-SHA256 ") && len(v.evt.Header["X-Amz-Request-Id"]) > 0
}

// noteReceived records that a client has received the list of a repository, or that the site
// stores files for it: the client has written one, or received a list of them. A front
// controller that answers every method with 200 does neither.
func (d *Detector) noteReceived(v *view) {
	if !v.isFine() {
		return
	}
	switch v.evt.Method {
	case http.MethodGet:
		if repo, ok := strings.CutSuffix(v.path(), "/.git/info/refs"); ok && !strings.Contains(v.evt.ContentType, "html") {
			d.sites.learnPlace(v, placeClones, v.receiverKey("git", strings.ToLower(repo)))
		}
	case http.MethodPut, "MKCOL":
		if v.evt.Status == http.StatusCreated || v.evt.Status == http.StatusNoContent {
			d.sites.learnPlace(v, placeStores, v.folder())
		}
	case "PROPFIND":
		if v.evt.Status == http.StatusMultiStatus {
			d.sites.learnPlace(v, placeStores, v.folder())
		}
	}
}

// receiverKey returns a hash of a part of a site and the client that it has given something to.
func (v *view) receiverKey(what, part string) uint64 {
	site, _ := v.site()
	return v.sites.hash("keeper", what, strings.ToLower(site), part, v.client.Addr().String())
}

// folder is receiverKey for the files below the first element of the path.
func (v *view) folder() uint64 { return v.receiverKey("files", template(v.path(), 1)) }
