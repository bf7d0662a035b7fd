package detect

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tocsin-project/tocsin/event"
	"github.com/tocsin-project/tocsin/lookup"
)

// wordsAs returns the acts of each word as a target with a status.
func wordsAs(n int, gap float64, status int, format string) []act {
	return acts(n, gap, func(i int) act { return act{target: fmt.Sprintf(format, word(i)), status: status} })
}

func sharded(name string) string {
	switch len(name) {
	case 1, 2:
		return fmt.Sprint("/", len(name), "/", name)
	case 3:
		return "/3/" + name[:1] + "/" + name
	}
	return "/" + name[:2] + "/" + name[2:4] + "/" + name
}

// readBefore has somebody read pages, and come back after some days. What the site has had is
// remembered, and by then no credit of the client's.
func readBefore(n int, format string, later []act) []act {
	later[0].gap += 3 * 24 * 3600
	return append(by(fox, acts(n, 30, func(i int) act { return ok(fmt.Sprintf(format, word(i))) })), later...)
}

// challenged are the models that a challenge is asked of, by name, and why. What they
// do is what searches do, too, as far as requests and statuses tell.
var challenged = map[string]string{
	"link checker finds a third dead at the top level":            "50 names at the top of a site",
	"SEO crawler after a relaunch, mostly dead, at the top level": "60 names at the top of a site; a crawler that is verified is spared elsewhere",
	"archive bot, old top-level pages all dead":                   "names at the top of a site; a crawler that is verified is spared elsewhere",
	"monitor is redirected from 20 places":                        "20 paths with one answer; who searches gets the same",
	"old pages redirected to the start page":                      "25 paths with one answer; who searches gets the same",
	"SPA answers its page to api calls, all alike":                "30 paths with one answer; who searches gets the same",
	"an old tab polls 14 places at the root that 403":             "names at the top of a site",
	"admin of a small tool with pages like users, roles, logs":    "words that are tried on APIs",
	"SPA of an older version: features that the server has not":   "words that are tried on APIs",
	"translation of pages by a proxy, Referer foreign":            "names at the top of a site; reflected",
	"reverse proxy with subfolders: an app that asks at the root": "names at the top of a site",
	"API client whose new tokens are refused, too":                "a new token every four seconds, of which the site accepts none",
}

// goOn are those of them that are banned if they solve the challenge, which programs do not.
var goOn = map[string]bool{
	"archive bot, old top-level pages all dead":    true,
	"API client whose new tokens are refused, too": true,
}

// No honest client is banned, and few are challenged: one in twenty-four.
func TestHonestConduct(t *testing.T) {
	skipUnderRace(t)
	rules := builtinRules(t)
	models := slices.Concat(honestConduct(), honestMachines(), honestPeople(), honestProofs(), honestLookups(), honestErrands(), honestChores())
	if 24*len(challenged) > len(models) {
		t.Errorf("%d of %d are challenged", len(challenged), len(models))
	}
	for _, m := range models {
		got := ""
		for _, without := range []bool{true, false} { // traces have no bodies, sites have
			d := New(Config{Rules: rules})
			var first time.Time // alert, after which the challenge is solved
			for i, e := range m.events(without) {
				for _, a := range slices.Concat(d.Request(e), d.Response(e)) {
					got = fmt.Sprint(a.Scenario, " at ", i+1)
					if first.IsZero() {
						first = a.Stop
					} else if a.Start.After(first) && a.Guard == event.NoGuard && !a.Mild && !a.Reflected && !goOn[m.name] {
						t.Errorf("%s: %s bans who has solved the challenge", m.name, got)
					}
					if a.Guard == event.NoGuard && a.Action != lookup.Captcha {
						t.Errorf("%s: %s asks for %s", m.name, got, a.Action)
					}
				}
			}
		}
		if challenged[m.name] == "" && got != "" {
			t.Errorf("%s: %s", m.name, got)
		}
		if challenged[m.name] != "" && got == "" {
			t.Errorf("%s: not challenged any more: strike it off the list", m.name)
		}
	}
}

// honestConduct are what honest people and programs do. None of them is a recording.
func honestConduct() []conduct {
	var all []conduct
	add := func(name string, acts ...[]act) { all = append(all, conduct{name, slices.Concat(acts...)}) }

	// Registries and caches.
	add("cargo asks a small sparse index first", by("cargo 1.91.0 (ea2d97820 2025-10-10)", gets(0, 200, "/config.json"),
		acts(60, 0.02, func(i int) act { return act{target: sharded(word(i)), status: 404} })))
	add("npm outdated against a registry of a few packages, unscoped", sending("Npm-Command: outdated|Accept: application/vnd.npm.install-v1+json; q=1.0, application/json; q=0.8, */*", by("npm/11.6.0 node/v24.9.0 linux x64 workspaces/false",
		acts(40, 0.03, func(i int) act {
			return act{target: "/" + word(i), status: []int{200, 404}[i%2], kind: "application/json", size: 900 + int64(i)*313}
		}))))
	add("npm install, all unscoped ones missing", sending("Npm-Command: install|Accept: application/vnd.npm.install-v1+json; q=1.0, application/json; q=0.8, */*", by("npm/10.9.0 node/v22.11.0 linux x64 workspaces/false ci/github-actions", wordsAs(40, 0.05, 404, "/%s"))))
	add("pnpm without headers of npm", by("pnpm/10.20.0 npm/? node/v24.9.0 linux x64", wordsAs(30, 0.02, 404, "/%s")))
	add("yarn berry", by("yarn/4.10.3 npm/? node/v22.20.0 linux x64", wordsAs(30, 0.02, 404, "/%s")))
	add("composer with packagist mirror", by("Composer/2.8.12 (Linux; 6.8.0; PHP 8.3.6; cURL 8.5.0)", gets(0, 200, "/packages.json"),
		acts(50, 0.02, func(i int) act {
			return act{target: "/p2/" + word(i) + "/" + word(i+1) + []string{".json", "~dev.json"}[i%2], status: []int{200, 404}[i%2]}
		})))
	add("rubygems compact index of a private gem server", by("bundler/2.7.2 rubygems/3.7.2 ruby/3.4.6 (x86_64-linux) command/install", gets(0, 200, "/versions"), wordsAs(40, 0.02, 404, "/info/%s")))
	add("gem server without compact index", by("Ruby, RubyGems/3.6.9 x86_64-linux Ruby/3.4.2", gets(0.1, 404, "/versions", "/specs.4.8.gz", "/latest_specs.4.8.gz", "/prerelease_specs.4.8.gz"),
		wordsAs(20, 0.1, 404, "/quick/Marshal.4.8/%s-1.0.gemspec.rz")))
	add("apt update of a flat mirror with foreign archs", by("Debian APT-HTTP/1.3 (2.9.8)", gets(0.1, 200, "/debian/dists/trixie/InRelease"), acts(24, 0.05, func(i int) act {
		return act{target: fmt.Sprintf("/debian/dists/trixie/%s/%s", []string{"main", "contrib", "non-free", "non-free-firmware"}[i%4], []string{"binary-arm64/Packages.xz", "i18n/Translation-de.xz", "dep11/Components-amd64.yml.xz", "cnf/Commands-amd64.xz", "binary-all/Packages.gz", "source/Sources.bz2"}[i/4]), status: 404}
	})))
	add("apt with ten repositories of an intranet mirror moved", by("Debian APT-HTTP/1.3 (2.8.3)", acts(24, 0.05, func(i int) act {
		return act{target: fmt.Sprintf("/%s/dists/noble/%s", word(i/2), []string{"InRelease", "Release"}[i%2]), status: 404}
	})))
	add("dnf with repositories that are gone", by("libdnf (Fedora Linux 43; server; Linux.x86_64)", acts(14, 0.2, func(i int) act { return act{target: "/" + word(i) + "/43/x86_64/repodata/repomd.xml", status: 404} })))
	add("conda channels", by("conda/25.9.0 requests/2.32.5 CPython/3.13.9 Linux/6.8.0", acts(32, 0.05, func(i int) act {
		return act{target: fmt.Sprintf("/%s/%s/%s", word(i/8), []string{"linux-64", "noarch"}[i/4%2], []string{"repodata.json.zst", "repodata_shards.msgpack.zst", "repodata.json.bz2", "current_repodata.json"}[i%4]), status: 404}
	})))
	add("helm repositories", by("Helm/3.19.0", acts(12, 0.4, func(i int) act { return act{target: "/" + word(i) + "/index.yaml", status: 404} })))
	add("nix asks a small binary cache", by("curl/8.16.0 Nix/2.31.2", gets(0, 200, "/nix-cache-info"), acts(200, 0.01, func(i int) act {
		return act{target: "/" + nixHash(i) + ".narinfo", status: 404}
	})))
	add("bazel remote cache over HTTP", by("bazel/8.4.2", acts(100, 0.01, func(i int) act { return act{target: []string{"/ac/", "/cas/"}[i%2] + digits(i, 64), status: 404} })))
	add("sccache webdav", by("opendal/0.54.0", acts(80, 0.02, func(i int) act {
		h := digits(i, 64)
		return act{target: "/" + h[:1] + "/" + h[1:2] + "/" + h[2:3] + "/" + h, status: 404}
	})))
	add("ccache http storage, subdirs", by("ccache/4.12", acts(80, 0.02, func(i int) act { h := digits(i, 40); return act{target: "/" + h[:2] + "/" + h[2:], status: 404} })))
	add("gradle build cache", by("Gradle/9.1.0 (Linux;6.8.0;amd64) (Eclipse Adoptium;21)", acts(60, 0.02, func(i int) act { return act{target: "/cache/" + digits(i, 32), status: 404} })))
	add("gradle asks a repository at the root for jars of many groups", by("Gradle/9.1.0 (Linux;6.8.0;amd64) (Eclipse Adoptium;21)", acts(60, 0.02, func(i int) act {
		return act{method: "HEAD", target: fmt.Sprintf("/%s/%s/%s/1.%d/%s-1.%d.pom", []string{"org", "com", "io", "net", "de", "dev", "ch", "jakarta", "javax", "androidx", "commons-io", "junit", "ai", "app", "me", "fr", "nl", "co", "edu", "se"}[i%20], word(i), word(i+3), i, word(i+3), i), status: 404}
	})))
	add("debuginfod", by("elfutils/0.193,Linux/x86_64,fedora/43", acts(60, 0.05, func(i int) act { return act{target: "/buildid/" + digits(i, 40) + "/debuginfo", status: 404} })))
	add("symbol server of Microsoft", by("Microsoft-Symbol-Server/10.0.26100.1", acts(60, 0.1, func(i int) act {
		n := word(i/2) + ".pdb"
		return act{target: "/symbols/" + n + "/" + digits(i/2, 33) + "/" + []string{n, n[:len(n)-1] + "_"}[i%2], status: 404}
	})))
	add("symbol server at the root", by("Microsoft-Symbol-Server/10.0.26100.1", acts(60, 0.1, func(i int) act {
		n := word(i/3) + ".pdb"
		return act{target: "/" + n + "/" + digits(i/3, 33) + "/" + []string{n, n[:len(n)-1] + "_", "file.ptr"}[i%3], status: 404}
	})))
	add("git lfs locks and objects", by("git-lfs/3.7.0 (GitHub; linux amd64; go 1.25.0)", acts(40, 0.1, func(i int) act { return act{target: "/team/app.git/info/lfs/objects/" + digits(i, 64), status: 404} })))
	add("kubernetes pulls images of many names", by("containerd/v2.1.4", acts(30, 0.3, func(i int) act {
		return act{method: "HEAD", target: fmt.Sprintf("/v2/%s/%s/manifests/v1.%d?ns=docker.io", word(i), word(i+7), i), status: 404}
	})))
	add("renovate looks at private repositories", by("RenovateBot/41.0.0 (https://github.com/renovatebot/renovate)", wordsAs(20, 0.1, 404, "/%s"), wordsAs(20, 0.1, 404, "/api/v4/projects/%s/packages")))
	add("terraform module registry", by("Terraform/1.13.4", gets(0.1, 200, "/.well-known/terraform.json"), acts(20, 0.1, func(i int) act {
		return act{target: "/v1/modules/" + word(i) + "/" + word(i+1) + "/aws/versions", status: 404}
	})))
	add("nuget with several feeds", by("NuGet .NET Core MSBuild Task/6.14.0 (Linux)", acts(40, 0.05, func(i int) act { return act{target: "/v3-flatcontainer/" + word(i) + ".core/index.json", status: 404} })))
	add("go get of vanity paths", by("Go-http-client/2.0", acts(20, 0.1, func(i int) act { return act{target: "/" + word(i) + "/" + word(i+2) + "?go-get=1", status: 404} })))
	add("ivy and sbt, root of repository", by("Apache Ivy/2.5.3", acts(40, 0.05, func(i int) act {
		return act{method: "HEAD", target: fmt.Sprintf("/%s.%s/%s_2.13/1.0/ivys/ivy.xml", []string{"org", "com", "io"}[i%3], word(i), word(i+1)), status: 404}
	})))
	add("opam, hackage and hex mirrors", by("opam/2.4.1", gets(0, 200, "/index.tar.gz"), acts(30, 0.05, func(i int) act {
		return act{target: "/cache/sha256/" + digits(i, 2) + "/" + digits(i, 64), status: 404}
	})))
	add("arch linux mirror, db signatures", by("pacman/7.0.0 (Linux x86_64) libalpm/15.0.0", gets(0.05, 404, "/core/os/x86_64/core.db.sig", "/extra/os/x86_64/extra.db.sig", "/multilib/os/x86_64/multilib.db.sig",
		"/chaotic/x86_64/chaotic.db", "/custom/x86_64/custom.db", "/custom/x86_64/custom.db.sig", "/endeavouros/x86_64/endeavouros.db.sig", "/core-testing/os/x86_64/core-testing.db", "/extra-testing/os/x86_64/extra-testing.db", "/kde-unstable/os/x86_64/kde-unstable.db", "/gnome-unstable/os/x86_64/gnome-unstable.db", "/multilib-testing/os/x86_64/multilib-testing.db")))
	add("steam cache, game updates by depot", by("Valve/Steam HTTP Client 1.0", acts(60, 0.02, func(i int) act {
		return act{target: fmt.Sprintf("/depot/%d/chunk/%s", 200+i/20, digits(i, 40)), status: 404}
	})))

	// Applications.
	add("Nextcloud desktop: many files deleted meanwhile", by("Mozilla/5.0 (Linux) mirall/3.17.2 (Nextcloud)", acts(80, 0.05, func(i int) act {
		return act{method: []string{"PROPFIND", "GET", "DELETE"}[i%3], target: "/remote.php/dav/files/anna/" + word(i) + "/" + word(i+1) + ".odt", status: 404}
	})))
	add("Nextcloud start page, apps that are off", by(chrome, []act{ok("/")}, acts(18, 0.1, func(i int) act {
		return act{target: []string{"/ocs/v2.php/apps/%s/api/v1/status", "/index.php/apps/%s/settings", "/apps/%s/api/v1/config"}[i%3], status: 404}.of(word(i))
	})))
	add("Nextcloud mobile, capabilities", by("Mozilla/5.0 (iOS) Nextcloud-iOS/7.1.0", acts(30, 0.1, func(i int) act {
		return act{target: "/ocs/v2.php/apps/" + word(i) + "/api/v1/list?format=json", status: 404}
	})))
	add("Immich mobile syncs assets that are gone", by("Immich_Android_2.1.0", acts(60, 0.05, func(i int) act { return act{target: "/api/assets/" + uuid(i) + "/original", status: 404} })))
	add("Photoprism thumbnails", by(fox, acts(60, 0.02, func(i int) act { return act{target: "/api/v1/t/" + digits(i, 40) + "/2zxw4/tile_500", status: 404} })))
	add("Plex: artwork and sub resources", by("PlexMediaPlayer/2.58 Windows", acts(60, 0.03, func(i int) act {
		return act{target: fmt.Sprintf("/%s/%d/%s/%d", []string{"library/metadata", "photo", "hubs/metadata", "playlists"}[i%4], i, []string{"thumb", "art", "theme", "related"}[i%4], 1700000000+i), status: 404}
	})))
	add("Emby web: many kinds", by(chrome, []act{ok("/web/index.html")}, acts(30, 0.04, func(i int) act {
		return act{target: fmt.Sprintf("/emby/%s/%d/Images/Logo?tag=%s", []string{"Items", "Users", "Genres", "Studios", "Persons"}[i%5], i, digits(i, 32)), status: 404}
	})))
	add("Kavita and Komga covers", by(chrome, acts(60, 0.02, func(i int) act {
		return act{target: fmt.Sprintf([]string{"/api/image/series-cover?seriesId=%d", "/api/v1/series/%d/thumbnail", "/api/v1/books/%d/pages/1"}[i%3], i), status: 404}
	})))
	add("Subsonic client asks for extensions", by("DSub", gets(0.05, 404, "/rest/ping.view?u=a", "/rest/getOpenSubsonicExtensions.view", "/rest/getPodcasts.view", "/rest/getInternetRadioStations.view", "/rest/getShares.view", "/rest/getVideos.view", "/rest/getBookmarks.view", "/rest/getChatMessages.view", "/rest/getLyricsBySongId.view", "/rest/jukeboxControl.view", "/rest/getUser.view", "/rest/startScan.view")))
	add("Bitwarden clients: icons and alive", by("Bitwarden_Mobile/2025.10.0 (release/standard) (Android 16; SDK 36; Model Pixel 9)", acts(80, 0.02, func(i int) act { return act{target: "/icons/" + word(i) + ".example/icon.png", status: 404} }),
		acts(15, 0.1, func(i int) act { return act{target: "/api/" + word(i), status: 404} })))
	add("Home Assistant, camera and brands", by(chrome, []act{ok("/lovelace/0")}, acts(40, 0.1, func(i int) act {
		return act{target: []string{"/api/camera_proxy/camera.", "/api/image_proxy/image.", "/api/media_player_proxy/media_player."}[i%3] + word(i) + "?token=" + digits(i, 64), status: []int{404, 403, 500}[i%3]}
	})))
	add("Mastodon federates with a server that was wiped", by("http.rb/5.3.1 (Mastodon/4.5.0; +https://social.example/)", acts(40, 0.3, func(i int) act {
		return act{target: []string{"/users/" + word(i), "/@" + word(i) + "/1122" + fmt.Sprint(i), "/users/" + word(i) + "/statuses/1133" + fmt.Sprint(i), "/media_proxy/" + fmt.Sprint(i) + "/small"}[i%4], status: []int{410, 404}[i%2]}
	})))
	add("Lemmy federates", by("Lemmy/0.19.13; +https://lemmy.example", acts(60, 0.2, func(i int) act {
		return act{target: []string{"/u/", "/c/", "/post/", "/comment/", "/activities/like/", "/activities/announce/", "/pictrs/image/", "/private_message/"}[i%8] + []string{word(i), word(i), fmt.Sprint(i * 31), fmt.Sprint(i * 33), uuid(i), uuid(i), uuid(i) + ".webp", fmt.Sprint(i)}[i%8], status: 404}
	})))
	add("Pixelfed and others look up old posts of many kinds", by("PixelFedBot/0.12.6 (+https://pix.example)", acts(60, 0.5, func(i int) act {
		return act{target: []string{"/p/" + word(i) + "/" + fmt.Sprint(i), "/i/web/post/" + fmt.Sprint(i), "/users/" + word(i), "/notice/" + fmt.Sprint(i), "/objects/" + uuid(i), "/notes/" + digits(i, 10), "/video/" + uuid(i), "/articles/" + word(i)}[i%8], status: 410}
	})))
	add("Matrix: widgets, keys, aliases", by("Element/1.11.100", acts(60, 0.05, func(i int) act {
		return act{target: []string{"/_matrix/client/v3/directory/room/%23" + word(i) + "%3Ahs.example", "/_matrix/client/v3/profile/%40" + word(i) + "%3Ahs.example/avatar_url", "/_matrix/client/unstable/org.matrix." + word(i), "/_matrix/media/v3/preview_url?url=" + word(i), "/_synapse/client/" + word(i)}[i%5], status: 404}
	})))
	add("Mattermost desktop with plugins that are off", by("Mozilla/5.0 (Windows NT 10.0) Chrome/140 Electron/38 Mattermost/5.13", acts(25, 0.1, func(i int) act {
		return act{target: "/plugins/com.mattermost." + word(i) + "/api/v1/connected", status: 404}
	})))
	add("Rocket.Chat avatars and emoji", by(chrome, acts(60, 0.03, func(i int) act { return act{target: "/avatar/" + word(i) + "?etag=x", status: 404} })))
	add("Discourse: reader opens old topics from a search engine", by(fox, acts(14, 25, func(i int) act {
		return act{target: "/t/" + word(i) + "-" + word(i+1) + "/" + fmt.Sprint(i*91), status: 404}
	})))
	add("shop with products gone, browsed from bookmarks", by(chrome, []act{ok("/")}, acts(20, 1, func(i int) act { return act{target: "/" + word(i) + "-" + word(i+1) + ".html", status: 404} })))
	add("WooCommerce shop: cart fragments, wc-ajax", by(chrome, []act{ok("/shop/")}, acts(30, 0.5, func(i int) act { return act{target: "/?wc-ajax=get_refreshed_fragments", status: 403} }), wordsAs(8, 2, 404, "/product/%s/")))
	add("WordPress block editor: templates that are not there", by(chrome, []act{ok("/wp-admin/post.php?post=5&action=edit")}, acts(40, 0.05, func(i int) act {
		return act{target: []string{"/wp-json/wp/v2/templates/lookup?slug=" + word(i), "/wp-json/wp/v2/global-styles/" + fmt.Sprint(i), "/wp-json/wp/v2/block-directory/search?term=" + word(i), "/wp-json/wp-block-editor/v1/url-details?url=" + word(i)}[i%4], status: []int{404, 403}[i/2%2]}
	})))
	add("Elementor: css of posts and missing fonts", by(chrome, []act{ok("/")}, acts(40, 0.02, func(i int) act {
		return act{target: fmt.Sprintf("/wp-content/uploads/elementor/css/post-%d.css?ver=1", i), status: 404}
	})))
	add("WordPress: assets of 14 plugins after a move", by(chrome, []act{ok("/")}, acts(40, 0.02, func(i int) act {
		return act{target: "/wp-content/plugins/" + word(i%20) + "/assets/main" + []string{".css", ".js", ".json"}[i%3] + "?ver=2", status: 404}
	})))
	add("headless CMS preview: optional singletons", by("node", acts(20, 0.1, func(i int) act { return act{target: "/items/" + word(i) + "?fields=*", status: []int{403, 404}[i%2]} })))
	add("Strapi with types that are not public, at /api", by("axios/1.12.2", acts(20, 0.1, func(i int) act { return act{target: "/api/" + word(i) + "?populate=*", status: []int{403, 404}[i%2]} })))
	add("API client polls until a job is ready", by("python-requests/2.32.5", acts(200, 2, func(i int) act { return act{target: "/v1/jobs/" + uuid(i/20) + "/result", status: 404} })))
	add("OpenAPI client with lookups of optional resources", by("OpenAPI-Generator/1.0.0/python", acts(40, 0.1, func(i int) act {
		return act{target: "/api/v1/" + []string{"users", "groups", "devices", "tags", "roles", "sites"}[i%6] + "/" + uuid(i) + "/" + []string{"settings", "avatar", "profile", "config"}[i%4], status: 404}
	})))
	add("Kubernetes probes while an app starts", by("kube-probe/1.34", acts(200, 1, func(i int) act {
		return act{target: []string{"/healthz", "/readyz", "/livez", "/startupz", "/health/ready"}[i%5], status: 404}
	})))
	add("Prometheus with 30 targets below a proxy", by("Prometheus/3.7.1", acts(120, 0.5, func(i int) act { return act{target: "/" + word(i%30) + "/metrics", status: 404} })))
	add("uptime monitor of 20 services, half of them down", by("Uptime-Kuma/2.0.2", acts(200, 3, func(i int) act { return act{target: "/" + word(i%20) + "/", status: []int{200, 404}[i%2]} })))
	add("monitor of 14 applications of which none runs", by("Better Stack Better Uptime Bot Mozilla/5.0", acts(140, 4, func(i int) act { return act{target: "/" + word(i%14) + "/health", status: 404} })))
	add("Grafana dashboard with panels whose queries fail", by(chrome, []act{ok("/grafana/d/abc")}, acts(60, 0.05, func(i int) act {
		return act{target: []string{"/grafana/api/datasources/uid/" + digits(i, 12), "/grafana/api/plugins/" + word(i) + "/settings", "/grafana/api/dashboards/uid/" + digits(i, 12), "/grafana/public/plugins/" + word(i) + "/module.js"}[i%4], status: 404}
	})))
	add("Grafana at the root", by(chrome, []act{ok("/d/abc")}, acts(40, 0.05, func(i int) act {
		return act{target: []string{"/api/datasources/uid/" + digits(i, 12), "/api/plugins/" + word(i) + "/settings", "/public/plugins/" + word(i) + "/module.js", "/apis/" + word(i) + ".grafana.app/v0alpha1"}[i%4], status: 404}
	})))
	add("CalDAV and CardDAV discovery of iOS", by("iOS/18.1 (22B83) dataaccessd/1.0", acts(40, 0.2, func(i int) act {
		return act{method: []string{"PROPFIND", "GET", "OPTIONS"}[i%3], target: []string{"/.well-known/caldav", "/.well-known/carddav", "/", "/principals/", "/calendar/dav/anna@site.example/user/", "/principals/__uids__/", "/principals/users/anna", "/dav/principals/anna/", "/caldav/", "/carddav/", "/caldav.php", "/carddav/default.php", "/dav/", "/SOGo/dav/", "/remote.php/dav/"}[i%15], status: 404}
	})))
	add("Thunderbird looks for a mail server", by("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Thunderbird/140.4.0", gets(0.2, 404, "/.well-known/autoconfig/mail/config-v1.1.xml?emailaddress=a%40site.example", "/mail/config-v1.1.xml?emailaddress=a", "/autodiscover/autodiscover.xml", "/Autodiscover/Autodiscover.xml", "/.well-known/caldav", "/.well-known/carddav", "/dav", "/caldav", "/EWS/Exchange.asmx", "/owa/")))
	add("Outlook autodiscover of an office of 30", acts(120, 1, func(i int) act {
		return act{method: []string{"POST", "GET", "POST", "GET"}[i%4], agent: "Microsoft Office/16.0 (Windows NT 10.0; Microsoft Outlook 16.0.18526; Pro)", target: []string{"/autodiscover/autodiscover.xml", "/autodiscover/autodiscover.json?Email=a", "/Autodiscover/Autodiscover.xml", "/autodiscover/autodiscover.json/v1.0/a%40b?Protocol=ActiveSync"}[i%4], status: 404}
	}))
	add("ActiveSync with an old password", by("Apple-iPhone16C2/2201.83", acts(200, 20, func(i int) act {
		return act{method: "POST", target: "/Microsoft-Server-ActiveSync?User=anna&DeviceId=ABC&DeviceType=iPhone&Cmd=Ping", status: 401, header: basicOf("anna", "old"), auth: "Basic realm=x"}
	})))
	add("iOS and Android look for well-known files", by("swcd (unknown version) CFNetwork/1568", gets(0.2, 404, "/.well-known/apple-app-site-association", "/apple-app-site-association", "/.well-known/assetlinks.json", "/.well-known/change-password", "/.well-known/webauthn", "/.well-known/passkey-endpoints", "/.well-known/resource-that-should-not-exist-whose-status-code-should-not-be-200", "/.well-known/gpc.json", "/.well-known/traffic-advice", "/.well-known/dnt-policy.txt", "/.well-known/openid-configuration", "/.well-known/webfinger", "/.well-known/nodeinfo")))
	add("password managers of a family look for change-password and icons", by(iphone, acts(40, 1, func(i int) act {
		return act{target: []string{"/.well-known/change-password", "/.well-known/resource-that-should-not-exist-whose-status-code-should-not-be-200", "/apple-touch-icon-180x180.png", "/favicon-96x96.png", "/apple-touch-icon-precomposed.png"}[i%5], status: 404}
	})))
	add("PWA: a service worker caches what is gone", by(chrome, acts(60, 0.01, func(i int) act {
		return act{target: []string{"/assets/" + word(i) + "." + digits(i, 8) + ".js", "/static/css/" + word(i) + "." + digits(i, 8) + ".css", "/workbox-" + digits(i, 8) + ".js", "/_next/data/" + digits(1, 20) + "/" + word(i) + ".json", "/chunk-" + digits(i, 8) + ".mjs"}[i%5], status: 404}
	})))
	add("Next.js prefetches pages that are gone", by(chrome, []act{ok("/")}, acts(30, 0.05, func(i int) act { return act{target: "/" + word(i) + "?_rsc=" + digits(i, 5), status: 404} })))
	add("raster tiles of several layers", by(fox, acts(200, 0.01, func(i int) act {
		return act{target: fmt.Sprintf("/%s/%d/%d/%d.png", word(i%12), 12, 2000+i, 1300+i), status: 404}
	})))
	add("vector tiles of 14 layers at the root", by(fox, acts(140, 0.01, func(i int) act {
		return act{target: fmt.Sprintf("/%s/%d/%d/%d.pbf", word(i%14), 12, 2000+i/14, 1300), status: []int{404, 404, 200}[i%3]}
	})))
	add("map style, fonts and sprites", by(fox, gets(0, 200, "/style.json"), acts(30, 0.02, func(i int) act {
		return act{target: fmt.Sprintf("/fonts/%s/%d-%d.pbf", url.PathEscape(word(i)+" Regular"), i*256, i*256+255), status: 404}
	})))
	add("HLS of 20 channels, each a folder, at the edge", by("AppleCoreMedia/1.0.0.22B83 (iPhone; U; CPU OS 18_1 like Mac OS X)", acts(120, 0.5, func(i int) act {
		return act{target: fmt.Sprintf("/%s/seg%d.m4s", word(i%20), i), status: []int{200, 404}[i%2], size: 500000, kind: "video/mp4"}
	})))
	add("IPTV player with channels that are gone", by("VLC/3.0.21 LibVLC/3.0.21", acts(40, 0.7, func(i int) act { return act{target: "/" + word(i) + "/index.m3u8", status: 404} })))
	add("IIIF viewer", by(fox, acts(60, 0.05, func(i int) act {
		return act{target: "/iiif/3/" + uuid(i) + []string{"/info.json", "/full/200,/0/default.jpg"}[i%2], status: 404}
	})))
	add("OSM editor asks for elements that are deleted", by("JOSM/1.5 (19439 en) Linux", acts(60, 0.1, func(i int) act {
		return act{target: fmt.Sprintf("/api/0.6/%s/%d", []string{"node", "way", "relation"}[i%3], 4000+i), status: 410}
	})))
	add("feed reader with 30 dead feeds", by("Feedly/1.0 (+http://www.feedly.com/fetcher.html; 12 subscribers)", acts(60, 20, func(i int) act { return act{target: "/" + word(i%30) + "/feed/", status: 404} })))
	add("feed reader, feeds by names of blogs", by("FreshRSS/1.27.1 (Linux; https://freshrss.org)", acts(40, 1, func(i int) act { return act{target: "/~" + word(i%20) + "/blog.xml", status: 404} })))
	add("link checker finds a third dead at the top level", by("LinkChecker/10.6 (+https://linkchecker.github.io/linkchecker/)", acts(150, 0.3, func(i int) act {
		a := ok("/" + word(i))
		if i%3 == 2 {
			a.status = 404
		}
		return a
	})))
	add("SEO crawler after a relaunch, mostly dead, at the top level", by("Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)", acts(120, 4, func(i int) act {
		a := ok("/" + word(i))
		if i%2 == 1 {
			a.status = 404
		}
		return a
	})))
	add("archive bot, old top-level pages all dead", by("Mozilla/5.0 (compatible; archive.org_bot +http://archive.org/details/archive.org_bot)", gets(0, 200, "/"), acts(60, 30, func(i int) act { return act{target: "/" + word(i) + ".htm", status: 404} })))
	add("preview bots of a messenger with a dead link each", acts(20, 40, func(i int) act {
		return act{agent: "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)", target: "/" + word(i), status: 404}
	}))
	add("accessibility checker", by("Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/141 axe-crawler", acts(60, 1, func(i int) act {
		a := ok("/" + word(i))
		if i%4 == 3 {
			a.status = 404
		}
		return a
	})))
	add("browser restores 25 tabs after a relaunch, top level", readBefore(25, "/%s", by(fox, wordsAs(25, 0.05, 404, "/%s"))))
	add("browser restores 18 tabs of different sections", readBefore(18, "/%s/x", by(fox, wordsAs(18, 0.05, 404, "/%s/x"))))
	add("school behind one address after a relaunch", acts(200, 2, func(i int) act {
		a := ok("/")
		a.agent = []string{chrome, fox, iphone}[i%3]
		if i%2 == 1 {
			a.target, a.status = "/"+word(i/2%9)+"/", 404
		}
		return a
	}))
	add("office with an intranet: 15 old bookmarks", acts(60, 20, func(i int) act { return act{agent: chrome, target: "/" + word(i%15), status: 404} }))
	add("mobile carrier NAT: 300 people and a dead link now and then", acts(900, 1, func(i int) act {
		a := ok("/" + word(i%40))
		a.agent = iphone
		if i%10 == 9 {
			a.target, a.status = "/alt/"+word(i), 404
		}
		return a
	}))
	add("multilingual site: alternates that are not there", by(chrome, []act{ok("/de/")}, acts(24, 0.3, func(i int) act {
		return act{target: "/" + []string{"fr", "it", "es", "pl", "nl", "cs", "da", "sv", "pt", "fi", "hu", "ro"}[i%12] + "/" + word(i/12), status: 404}
	})))
	add("locale switch, crawler of hreflang", by("Mozilla/5.0 (compatible; SeznamBot/4.0; +http://napoveda.seznam.cz/seznambot-intro/)", acts(40, 3, func(i int) act {
		a := ok("/en/" + word(i))
		if i%2 == 1 {
			a.status, a.target = 404, "/"+[]string{"fr", "it", "es", "pl", "nl", "cs", "da", "sv", "pt", "fi", "hu", "ro", "sk", "sl", "el", "bg", "lt", "lv", "et", "uk"}[i/2]+"/"+word(i)
		}
		return a
	})))
	add("MediaWiki red links at the top level", by(fox, []act{ok("/Main_Page")}, acts(15, 4, func(i int) act {
		return act{target: "/" + strings.ToUpper(word(i)[:1]) + word(i)[1:] + "_" + word(i+1), status: 404}
	})))
	add("MediaWiki red links by a reader below /wiki", by(fox, acts(30, 2, func(i int) act { return act{target: "/wiki/" + word(i), status: 404} })))
	add("ad blocker: everything 403 by the site's own WAF", by(chrome, []act{ok("/")}, acts(20, 0.1, func(i int) act { return act{target: "/" + word(i) + ".js", status: 403} })))
	add("printer and IoT: firmware updates", by("HP-Printer/1.0", acts(30, 60, func(i int) act {
		return act{target: fmt.Sprintf("/firmware/%s/%d/update.bin", word(i%5), i), status: 404}
	})))
	add("phones of VoIP ask for their configuration", by("Yealink SIP-T46U 108.86.0.118", gets(0.3, 404, "/y000000000108.boot", "/805ec0123456.boot", "/y000000000108.cfg", "/805ec0123456.cfg", "/lang/1.txt", "/contactData1.xml", "/favorite_setting.xml", "/super_search.xml", "/805ec0123456-directory.xml", "/common.cfg", "/security.enc", "/dialplan.xml", "/features.cfg", "/sip.cfg")))
	add("TFTP-like boot over HTTP (iPXE)", by("iPXE/1.21.1+", gets(0.1, 404, "/boot.ipxe", "/ipxe/mac-52540012.ipxe", "/pxelinux.cfg/01-52-54-00-12", "/pxelinux.cfg/C0A80105", "/pxelinux.cfg/C0A8010", "/pxelinux.cfg/C0A801", "/pxelinux.cfg/C0A80", "/pxelinux.cfg/C0A8", "/pxelinux.cfg/C0A", "/pxelinux.cfg/C0", "/pxelinux.cfg/C", "/pxelinux.cfg/default")))
	add("WebDAV by Windows Explorer", by("Microsoft-WebDAV-MiniRedir/10.0.26100", acts(60, 0.05, func(i int) act {
		return act{method: []string{"OPTIONS", "PROPFIND", "PROPFIND", "GET"}[i%4], target: "/" + []string{"desktop.ini", "AutoRun.inf", "Thumbs.db", "folder.jpg", word(i), "Desktop.ini", word(i) + ".dll", "System32"}[i%8], status: 404}
	})))
	add("WebDAV by macOS Finder at the root", by("WebDAVFS/3.0.0 (03008000) Darwin/25.0.0 (arm64)", acts(80, 0.03, func(i int) act {
		return act{method: []string{"PROPFIND", "PROPFIND", "GET"}[i%3], target: "/" + []string{"._" + word(i), ".hidden", ".DS_Store", ".Spotlight-V100", ".metadata_never_index", "._.", "Backups.backupdb", ".metadata_never_index_unless_rootfs", ".TemporaryItems"}[i%9], status: 404}
	})))
	add("rclone sync to a WebDAV root", by("rclone/v1.71.1", acts(120, 0.03, func(i int) act {
		return act{method: []string{"PROPFIND", "MKCOL", "PUT"}[i%3], target: "/" + word(i/3) + "/file.bin", status: []int{404, 201, 201}[i%3]}
	})))
	add("S3: HEAD of 60 keys at the root before an upload", by("aws-cli/2.31.0 md/awscrt#0.27.6", acts(120, 0.05, func(i int) act {
		return act{method: []string{"HEAD", "PUT"}[i%2], target: "/" + word(i/2) + "/" + word(i/2+1) + ".parquet", status: []int{404, 200}[i%2]}
	})))
	add("S3: HEAD only, spark looks for folders", by("Hadoop 3.4.1, aws-sdk-java/2.29", acts(60, 0.05, func(i int) act {
		return act{method: "HEAD", target: "/lake/" + word(i) + []string{"/_temporary/0", "/_SUCCESS", ""}[i%3], status: 404}
	})))
	add("S3: spark at a virtual host, many tables", by("Hadoop 3.4.1, aws-sdk-java/2.29", acts(60, 0.05, func(i int) act {
		return act{method: "HEAD", target: "/" + word(i) + []string{"/_temporary/0", "/_SUCCESS", "/_delta_log/_last_checkpoint"}[i%3], status: 404}
	})))
	add("restic over rest-server", by("Go-http-client/1.1", acts(60, 0.05, func(i int) act { return act{method: "HEAD", target: "/repo/data/" + digits(i, 64), status: 404} })))
	add("restic, repository at the root", by("Go-http-client/1.1", acts(60, 0.05, func(i int) act {
		return act{method: "HEAD", target: "/" + []string{"data", "index", "keys", "locks", "snapshots", "config"}[i%6] + "/" + digits(i, 64), status: 404}
	})))
	add("duplicati and borg with names of many sets", by("Duplicati WEBDAV Client v2.1", acts(40, 0.4, func(i int) act {
		return act{method: "GET", target: fmt.Sprintf("/backup/duplicati-b%s.dblock.zip.aes", digits(i, 32)), status: 404}
	})))
	add("git smart: fetch of 30 repositories of which some are gone", by("git/2.51.0", acts(60, 0.5, func(i int) act {
		return act{target: "/" + word(i) + "/" + word(i+1) + ".git/info/refs?service=git-upload-pack", status: []int{200, 404}[i%2]}
	})))
	add("git smart: a mirror of 30 repositories that are gone", by("git/2.51.0", acts(30, 0.5, func(i int) act {
		return act{target: "/" + word(i) + "/" + word(i+1) + ".git/info/refs?service=git-upload-pack", status: 404}
	})))
	add("git dumb at the root", by("git/2.51.0", gets(0, 200, "/proj.git/info/refs"), gets(0.1, 404, "/proj.git/objects/info/http-alternates", "/proj.git/objects/info/alternates"), acts(40, 0.05, func(i int) act {
		return act{target: "/proj.git/objects/" + digits(i, 2) + "/" + digits(i, 38), status: 404}
	})))
	add("svn checkout", by("SVN/1.14.5 (x86_64-pc-linux-gnu) serf/1.3.10", acts(40, 0.05, func(i int) act {
		return act{method: []string{"OPTIONS", "PROPFIND", "REPORT", "GET"}[i%4], target: "/svn/proj/!svn/rvr/" + fmt.Sprint(i) + "/" + word(i), status: 404}
	})))
	add("phpBB and vBulletin visitors with scripts of an old forum", by(fox, acts(24, 8, func(i int) act {
		return act{target: fmt.Sprintf([]string{"/viewtopic.php?t=%d", "/viewforum.php?f=%d", "/memberlist.php?u=%d", "/showthread.php?%d", "/forumdisplay.php?f=%d", "/member.php?%d", "/profile.php?u=%d", "/attachment.php?id=%d"}[i%8], i), status: 404}
	})))
	add("crawler of an old forum", by("Mozilla/5.0 (compatible; DotBot/1.2; +https://opensiteexplorer.org/dotbot)", acts(100, 6, func(i int) act {
		return act{target: fmt.Sprintf([]string{"/viewtopic.php?t=%d", "/viewforum.php?f=%d", "/memberlist.php?u=%d", "/posting.php?%d", "/ucp.php?f=%d", "/index.php?%d", "/profile.php?u=%d", "/download/file.php?id=%d", "/search.php?a=%d", "/faq.php?%d", "/login.php?%d"}[i%11], i), status: 404}
	})))
	add("hotlinked pictures with a foreign referrer", sending("Referer: https://forum.example/t/1", by(chrome, acts(40, 0.1, func(i int) act { return act{target: "/" + word(i) + "/photo.jpg", status: 403} }))))
	add("SPA answers its page to api calls, all alike", by(chrome, acts(30, 0.1, func(i int) act { return act{target: "/" + word(i), status: 200, kind: "text/html", size: 5123} })))
	add("SPA: the same shell for every route of a person who clicks", by(chrome, acts(30, 15, func(i int) act {
		return act{target: "/" + word(i%12) + "/" + fmt.Sprint(i), status: 200, kind: "text/html", size: 5123}
	})))
	add("SSO: every application sends to the login first", by(chrome, acts(30, 0.5, func(i int) act {
		return act{target: "/" + word(i) + "/", status: 302, location: "https://sso.example/oauth2/start?rd=" + word(i)}
	})))
	add("session ended: all open tabs are sent to /login", readBefore(30, "/%s", by(fox, acts(30, 0.05, func(i int) act { return act{target: "/" + word(i), status: 302, location: "/login?next=/" + word(i)} }))))
	add("monitor is redirected from 20 places", by("Uptime-Kuma/2.0.2", acts(200, 3, func(i int) act { return act{target: "/" + word(i%20), status: 301, location: "/"} })))
	add("old pages redirected to the start page", by(fox, acts(25, 2, func(i int) act { return act{target: "/" + word(i) + ".html", status: 301, location: "/"} })))
	add("http to https, many addresses", by("Mozilla/5.0 (compatible; SemrushBot/7~bl; +http://www.semrush.com/bot.html)", acts(60, 1, func(i int) act {
		return act{target: "/" + word(i), status: 301, location: "https://site.example/" + word(i)}
	})))
	add("session ended in a tool of administration", by(fox, acts(30, 0.2, func(i int) act { return act{target: "/admin/" + word(i), status: 403} })))
	add("session ended: a SPA gets 403 for everything", by(chrome, []act{ok("/")}, acts(40, 0.1, func(i int) act { return act{target: "/api/v2/" + word(i), status: 403} })))
	add("an old tab polls 14 places at the root that 403", by(chrome, acts(140, 1, func(i int) act { return act{target: "/" + word(i%14), status: 403} })))
	add("admin of a small tool with pages like users, roles, logs", by(fox, acts(14, 3, func(i int) act {
		return act{target: "/api/" + []string{"users", "roles", "logs", "settings", "backups", "status", "health", "version", "jobs", "tasks", "reports", "services", "tokens", "stats"}[i], status: 403}
	})))
	add("SPA of an older version: features that the server has not", by(chrome, []act{ok("/")}, acts(12, 0.2, func(i int) act {
		return act{target: "/api/v1/" + []string{"users/me", "settings", "notifications", "version", "status", "session", "profile", "permissions", "flags", "stats", "config", "billing"}[i], status: 404}
	})))
	add("documentation: readers of /docs/config, /docs/admin with dead links", by(fox, []act{ok("/docs/")}, acts(12, 6, func(i int) act {
		return act{target: "/docs/" + []string{"admin", "config", "api", "setup", "login", "backup", "users", "search", "upload", "test", "metrics", "console"}[i], status: 404}
	})))

	// People who log in.
	add("forgotten password: 5 tries, reset, success", acts(5, 6, func(i int) act { return form("/login", "user=anna&password=x"+fmt.Sprint(i), 401) }), []act{form("/forgot-password", "email=anna", 200), form("/reset", "token=x&password=new&password_confirmation=new", 302), form("/login", "user=anna&password=new", 302).session()})
	add("12 people of an office each mistype once and log in", acts(24, 7, func(i int) act {
		if i%2 == 0 {
			return form("/login", fmt.Sprintf("email=p%d&password=wrong", i/2), 401)
		}
		return form("/login", fmt.Sprintf("email=p%d&password=right", i/2), 200)
	}))
	add("30 people log in rightly, 200 and JSON tokens without bodies", acts(30, 3, func(i int) act {
		a := form("/api/login", fmt.Sprintf(`{"email":"p%d","password":"right%d"}`, i, i), 200)
		a.json, a.kind, a.answer = true, "application/json", `{"token":"abc"}`
		return a
	}))
	add("30 people log in rightly by a form that answers 302 to /", mixed(acts(30, 2, func(i int) act {
		return form("/login", fmt.Sprintf("email=p%d&password=right%d", i, i), 302).to("/").session()
	}), acts(30, 0.5, func(int) act { return ok("/") }), acts(30, 0.5, func(i int) act { return ok("/news/" + word(i%3)) })))
	add("2FA: 20 people, form answers 200 and asks for the code, then codes", acts(40, 4, func(i int) act {
		if i%2 == 0 {
			return form("/login", fmt.Sprintf("email=p%d&password=right%d", i/2, i/2), 200)
		}
		return form("/login/2fa", fmt.Sprintf("otp=%06d", i*137%1000000), 302).to("/").session()
	}))
	add("2FA: 10 people by codes that are late, twice each", acts(20, 6, func(i int) act { return form("/2fa", fmt.Sprintf("code=%06d", i*7919%1000000), 401) }))
	add("2FA: 400 to the password that is right (Vaultwarden), then with a code", acts(24, 5, func(i int) act {
		body := fmt.Sprintf("grant_type=password&username=p%d&password=hash%d&scope=api", i/2, i/2)
		if i%2 == 0 {
			return form("/identity/connect/token", body, 400)
		}
		return form("/identity/connect/token", body+"&twoFactorToken=123456&twoFactorProvider=0", 200)
	}))
	add("OAuth: refresh storm of expired refresh tokens", acts(60, 0.2, func(i int) act {
		return form("/oauth/token", "grant_type=refresh_token&client_id=app&refresh_token="+digits(i, 40), 400)
	}))
	add("OAuth: client credentials of many services rotated", acts(60, 1, func(i int) act {
		return form("/oauth/token", fmt.Sprintf("grant_type=client_credentials&client_id=svc%d&client_secret=%s", i%12, digits(i%12, 30)), 401)
	}))
	add("API keys rotated: 40 machines behind one address", acts(400, 0.2, func(i int) act {
		return act{target: "/api/v1/push", method: "POST", status: 401, header: "Authorization: Bearer " + digits(i%25, 32)}
	}))
	add("CI runners with job tokens that ended", acts(60, 2, func(i int) act {
		return act{target: "/team/app.git/info/refs", status: 401, header: basicOf("gitlab-ci-token", digits(i, 20)), auth: "Basic"}
	}))
	add("Docker logins of 10 colleagues, 401 first", acts(60, 1, func(i int) act {
		if i%2 == 0 {
			return act{target: "/v2/", status: 401, auth: "Bearer realm=x", agent: "docker/28.5.1"}
		}
		return act{target: "/v2/token?account=p" + fmt.Sprint(i/2%10), status: 200, header: basicOf(fmt.Sprint("p", i/2%10), "x"), agent: "docker/28.5.1"}
	}))
	add("SAML: posts of assertions from an identity provider", sending("Origin: https://idp.example|Sec-Fetch-Site: cross-site", acts(30, 3, func(i int) act { return form("/saml/acs", "SAMLResponse="+digits(i, 60)+"&RelayState=x", 403) })))
	add("people change their passwords, the policy refuses", acts(12, 8, func(i int) act {
		return form("/account/password", fmt.Sprintf("current_password=a&password=b%d&password_confirmation=b%d", i, i), 422)
	}))
	add("registration: passwords too weak", acts(12, 8, func(i int) act {
		return form("/register", fmt.Sprintf("email=anna%%40a.example&name=Anna&password=weak%d", i), 422)
	}))
	add("sign-ups of a school class behind one address", acts(28, 5, func(i int) act {
		return form("/signup", fmt.Sprintf("email=p%d%%40school.example&password=pw%d", i, i), []int{422, 201}[i%2])
	}))
	add("protected gallery: wrong passwords without names by guests", acts(8, 9, func(i int) act {
		return form("/share/abc/authenticate", fmt.Sprintf("password=wedding%d", i), 303).to("/share/abc/authenticate")
	}))
	add("wi-fi portal: vouchers by guests", acts(20, 20, func(i int) act { return form("/portal/login", fmt.Sprintf("voucher=%s", digits(i, 8)), 200) }))
	add("smart home app tries old passwords every minute", acts(120, 60, func(i int) act { return form("/api/login", `{"username":"ha","password":"old"}`, 401).js() }))
	add("POS app: PIN logins by cashiers", acts(40, 30, func(i int) act {
		return form("/pos/login", fmt.Sprintf(`{"user":"c%d","pin":"%04d"}`, i%5, i%5*1111), []int{200, 200, 200, 401}[i%4]).js()
	}))
	add("webmail of 25 colleagues, Roundcube, right passwords", mixed(acts(25, 3, func(i int) act {
		return form("/?_task=login", fmt.Sprintf("_task=login&_action=login&_user=p%d&_pass=r%d", i, i), 302).to("/?_task=mail&_token=x").session()
	}), acts(25, 0.5, func(int) act { return ok("/?_task=mail&_token=x") }), acts(25, 0.5, func(int) act { return ok("/?_task=mail&_action=list&_mbox=INBOX").js() })))
	add("one colleague logs in 15 times a day, 200 each (Gitea)", acts(15, 1500, func(i int) act { return form("/user/login", "user_name=anna&password=right", 303).to("/").session() }))
	add("integration test logs in 200 times with one password", acts(200, 0.1, func(i int) act { return form("/api/auth/login", `{"email":"ci@x","password":"right"}`, 200).js() }))
	add("integration test makes users and logs in with each", acts(200, 0.1, func(i int) act {
		if i%2 == 0 {
			return form("/api/users", fmt.Sprintf(`{"email":"u%d@x","password":"pw%d"}`, i, i), 201).js()
		}
		return form("/api/auth/login", fmt.Sprintf(`{"email":"u%d@x","password":"pw%d"}`, i-1, i-1), 200).js()
	}))
	add("Bearer of a mobile app that expired, then Basic login", acts(40, 0.1, func(i int) act {
		return act{target: "/api/" + word(i), status: 401, header: "Authorization: Bearer " + digits(3, 40)}
	}))
	add("admin types passwords of a router: form with password only", acts(5, 8, func(i int) act { return form("/login.html", fmt.Sprintf("password=a%d", i), 200) }))
	add("Basic: three colleagues with a wrong password in caldav, thousands of requests", acts(900, 0.2, func(i int) act {
		return act{method: "PROPFIND", target: "/dav/cal/" + fmt.Sprint(i), status: 401, header: basicOf(fmt.Sprint("p", i%3), "old"), auth: "Basic"}
	}))
	add("search form posts that fail", acts(30, 2, func(i int) act { return form("/search", "query="+word(i)+"&name="+word(i), 400) }))
	add("MediaWiki's search for a file of the system, page by page", by(fox, acts(12, 3, func(i int) act {
		return ok(fmt.Sprintf("/index.php?title=Special%%3ASearch&limit=20&offset=%d&profile=default&search=%%2Fetc%%2Fhosts", i*20))
	})))
	add("Redmine's search for a file of the system, page by page", by(fox, acts(12, 5, func(i int) act {
		return ok(fmt.Sprintf("/search?utf8=✓&scope=all&q=%%2Fetc%%2Fpasswd&page=%d", i+1))
	})))
	add("search for a way up in a list with more parameters", by(fox, acts(12, 3, func(i int) act {
		return ok(fmt.Sprintf("/forum/search?author=&sort=date.desc&keywords=..%%2F..%%2Fetc%%2Fpasswd&from=1%%2E1%%2E2026&start=%d", i*10))
	})))
	add("pages of a wiki about files of the system, in tabs", by(fox, acts(4, 1, func(i int) act {
		return ok("/index.php?title=/etc/" + []string{"hosts", "passwd", "group", "shadow"}[i])
	})))
	add("Matomo counts readers of local documentation", by(chrome, acts(12, 3, func(i int) act {
		return act{target: fmt.Sprintf("/matomo.php?action_name=Doc&idsite=1&rec=1&url=file%%3A%%2F%%2F%%2Fetc%%2Fdoc%%2F%s.html&link=file:///etc/%[1]s", word(i)), status: 204}
	})))
	add("rclone copies a home folder to WebDAV", sending(basicOf("anna", "right"), by("rclone/v1.71", acts(12, 0.3, func(i int) act {
		file := []string{".bashrc", ".docker/config.json", ".ssh/known_hosts", ".aws/config", ".env", ".netrc"}[i/2]
		return act{target: "/backup/" + file, method: []string{"PROPFIND", "PUT"}[i%2], status: []int{404, 201}[i%2]}
	}))))
	add("a mounted folder of Nextcloud with dot files", sending(basicOf("anna", "right"), by("gvfs/1.56", acts(10, 0.5, func(i int) act {
		file := []string{".docker/config.json", ".ssh/config", ".zsh_history", ".aws/config", ".netrc"}[i/2]
		return act{target: "/remote.php/webdav/" + file, method: []string{"PROPFIND", "GET"}[i%2], status: []int{207, 200}[i%2]}
	}))))
	add("backup of dot files to S3", sending("Authorization: AWS4-HMAC-SHA256 Credential=x/y", by("aws-cli/2.31", acts(5, 0.3, func(i int) act {
		return act{target: "/backup/" + []string{".env", ".docker/config.json", ".ssh/config", ".aws/credentials", "wp-config.php"}[i], method: "PUT", status: 200}
	}))))
	add("a reader of dot files in cgit", by(fox, acts(6, 8, func(i int) act {
		return ok("/dotfiles/tree/" + []string{".bashrc", ".ssh/config", ".aws/config", ".docker/config.json", ".netrc", ".zsh_history"}[i])
	})))
	add("the owner edits his files in filebrowser", by(chrome, acts(4, 6, func(i int) act {
		return act{target: "/api/resources/" + []string{".env", ".env.production", ".env.local", ".htpasswd"}[i], status: 200, kind: "application/json"}
	})))
	add("git clones a repository over plain HTTP", by("git/2.47.0", gets(0.1, 200, "/project/.git/info/refs?service=git-upload-pack", "/project/.git/HEAD"),
		gets(0.1, 404, "/project/.git/objects/6b/"+digits(1, 38), "/project/.git/objects/info/http-alternates", "/project/.git/objects/info/alternates", "/project/.git/objects/7c/"+digits(2, 38)),
		gets(0.1, 200, "/project/.git/objects/info/packs", "/project/.git/objects/pack/pack-"+digits(3, 40)+".pack")))
	add("coupons by a bargain hunter", acts(8, 6, func(i int) act { return form("/cart/coupon", "code="+word(i)+"10", 404) }))
	add("uploads refused to an editor (403)", acts(40, 1, func(i int) act { return act{method: "POST", target: "/upload/" + word(i), status: 403, body: "x=1"} }))
	add("webhooks to places that are gone", by("GitHub-Hookshot/7d0a2f1", acts(40, 5, func(i int) act {
		return act{method: "POST", target: "/hooks/" + digits(i%14, 16), body: "payload=x", status: 404}
	})))
	add("webhooks of 12 applications to names", by("GitLab/18.5.0", acts(60, 5, func(i int) act {
		return act{method: "POST", target: "/" + word(i%12) + "/webhook", body: "{}", json: true, status: 404}
	})))
	add("JSON-RPC and websockets retried", by(chrome, acts(120, 1, func(i int) act {
		return act{target: "/socket.io/?EIO=4&transport=polling&t=" + digits(i, 7), status: []int{404, 400}[i%2]}
	})))
	add("Alexa, Google and Sonos fetch icons of stations", by("Sonos/84.1-63110", acts(60, 0.1, func(i int) act { return act{target: "/" + word(i) + "/logo", status: 404} })))
	add("Podcast apps fetch chapters of old episodes", by("AntennaPod/3.10.0", acts(30, 1, func(i int) act { return act{target: "/" + word(i%16) + "/chapters.json", status: 404} })))
	add("translation of pages by a proxy, Referer foreign", sending("Referer: https://site-example.translate.goog/", by(chrome, acts(20, 0.5, func(i int) act { return act{target: "/" + word(i), status: 404} }))))
	add("Wayback toolbar: an archive's visitor loads things of old sites", by(fox, acts(30, 0.1, func(i int) act { return act{target: "/" + word(i) + "/" + word(i+1) + ".swf", status: 404} })))
	add("a reader tries addresses by hand", by(fox, []act{ok("/")}, acts(9, 7, func(i int) act {
		return act{target: "/" + []string{"impressum", "kontakt", "contact", "about", "jobs", "presse", "blog", "shop", "agb"}[i], status: 404}
	})))
	add("owner looks for his admin page", by(fox, []act{ok("/")}, acts(5, 6, func(i int) act {
		return act{target: "/" + []string{"admin", "wp-admin", "login", "administrator", "backend"}[i], status: 404}
	})))
	add("an agent (LLM) tries paths of documentation", by("Claude-User/1.0; +Claude-User@anthropic.com", acts(9, 2, func(i int) act {
		return act{target: []string{"/llms.txt", "/docs/llms.txt", "/docs", "/docs/index.md", "/index.md", "/README.md", "/docs.md", "/sitemap.xml", "/api-docs"}[i], status: 404}
	})))
	add("hub of smart TVs: apps ask for config by conduct", by("Mozilla/5.0 (SMART-TV; Linux; Tizen 8.0) AppleWebKit/537.36", acts(20, 1, func(i int) act { return act{target: "/config/" + digits(i, 6) + ".json", status: 404} })))
	add("ACME and domain validation", by("Mozilla/5.0 (compatible; Let's Encrypt validation server; +https://www.letsencrypt.org)", acts(40, 1, func(i int) act { return act{target: "/.well-known/acme-challenge/" + digits(i, 43), status: 404} })))
	add("ad tech reads ads.txt, sellers.json and others", by("AdsTxtCrawler/1.0", gets(1, 404, "/ads.txt", "/app-ads.txt", "/sellers.json", "/robots.txt", "/.well-known/pubvendors.json", "/pubvendors.json", "/humans.txt", "/.well-known/gpc.json", "/.well-known/privacy-sandbox-attestations.json", "/trust.txt", "/.well-known/trust.txt", "/inventory.xml")))
	add("AI crawler reads policies that are not there", by("GPTBot/1.3; +https://openai.com/gptbot", gets(1, 404, "/robots.txt", "/ai.txt", "/llms.txt", "/.well-known/tdmrep.json", "/tdmrep.json", "/.well-known/ai-plugin.json", "/openapi.json", "/.well-known/openid-configuration", "/sitemap.xml", "/license.xml", "/.well-known/rslcollective.xml")))
	add("Jira and Confluence of a colleague: macros that are gone", by(chrome, []act{ok("/jira/browse/A-1")}, acts(30, 0.1, func(i int) act {
		return act{target: "/rest/api/2/issue/A-" + fmt.Sprint(i) + "/properties/" + word(i), status: 404}
	})))
	add("GitLab pages: a person without rights", by(fox, acts(20, 5, func(i int) act {
		return act{target: "/" + word(i) + "/" + word(i+1) + "/-/merge_requests/" + fmt.Sprint(i), status: 404}
	})))
	add("reverse proxy with subfolders: an app that asks at the root", by(chrome, []act{ok("/app/")}, acts(16, 0.05, func(i int) act {
		return act{target: "/" + []string{"api/config", "static/app", "ws", "manifest", "graphql", "locales/de", "themes/dark", "plugins/list", "events/stream", "rpc/x", "user/me", "version/x", "session/x", "icons/sprite", "fonts/a", "i18n/de"}[i], status: 404}
	})))
	return all
}

// nixHash is 32 digits of Nix's base 32.
func nixHash(i int) string {
	const base32 = "0123456789abcdfghijklmnpqrsvwxyz"
	h, out := digits(i, 64), make([]byte, 32)
	for k := range out {
		out[k] = base32[(int(h[2*k])*7+int(h[2*k+1])*11)%32]
	}
	return string(out)
}
