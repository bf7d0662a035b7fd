package detect

import (
	"slices"
	"strings"
)

// looksForModule reports whether the go command checks if a path is a module.
func (v *view) looksForModule() bool {
	return v.args == "go-get=1" && strings.HasPrefix(v.evt.UserAgent, "Go-http-client/")
}

// isProgram reports whether a user agent is a program that stores packages, images or files:
// it asks a store for names, most of which exist. A client that lies about this gains
// little, because known sensitive names count for everyone.
func isProgram(agent string) bool {
	end := strings.IndexAny(agent, "/ ")
	if end < 0 || end > maxElement {
		return false
	}
	return storePrograms.has(strings.ToLower(agent[:end]))
}

var storePrograms = newStringSet(strings.Fields(`
	npm pnpm yarn bun deno cargo pip uv poetry pdm twine bundler rubygems composer helm terraform opentofu
	apache-maven gradle ivy coursier sbt mill nuget conda mamba micromamba opam cabal stack hex mix homebrew
	swiftpackagemanager conan luarocks app::cpanminus julia dub haxelib spack vcpkg guix guile pkg apk-tools flatpak libostree
	git git-lfs jgit svn containerd docker skopeo podman buildah buildkit cri-o oras libdnf zypp pacman
	artifactory nexus verdaccio athens devpi bandersnatch pulp reposilite gitea forgejo
	aws-cli boto3 boto aws-sdk-go-v2 aws-sdk-go aws-sdk-java aws-sdk-js aws-sdk-rust aws-sdk-ruby3 minio hadoop rclone restic s3cmd
	s5cmd azcopy gsutil kopia duplicati cyberduck pouchdb elastic-transport-python elasticsearch-py opensearch-py
	renovatebot dependabot turbo bazel ccache sccache`)...)

// isPrefetch reports whether the query is from an application that requests the page behind
// each link in advance, also of broken links. A client that lies about this gains little,
// because known sensitive names count for everyone.
func isPrefetch(query string) bool {
	const longest = 16
	return strings.HasPrefix(query, "_rsc=") && len(query) <= longest && !strings.Contains(query, "&")
}

// isProvisioned reports whether a phone requests a file with its settings. Phones try many
// names, and a server has only a few of them.
func isProvisioned(agent, p string) bool {
	if !provisionExts.has(extension(p)) {
		return false
	}
	agent = strings.ToLower(agent[:min(len(agent), maxElement)])
	return slices.ContainsFunc(phoneMakers, func(maker string) bool { return strings.Contains(agent, maker) })
}

var (
	phoneMakers   = []string{"yealink", "polycom", "snom", "grandstream", "fanvil", "gigaset", "htek", "aastra", "mitel", "panasonic_", "cisco-cp"}
	provisionExts = newStringSet("cfg", "boot", "enc", "xml", "txt", "dat")
)
