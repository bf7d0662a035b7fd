package detect

import "strings"

// place returns the thing that a request looks for. The text is the same for all requests of
// one program for one kind of thing: a photo of each of a thousand people, an archive of
// each of a hundred packages. A search for vulnerable files looks in many places.
//
// A script is a separate place, by its whole name: no site has hundreds of them, but
// searches try as many. The same holds for a plugin and a theme of WordPress. Otherwise the
// first element of the path is the place, because an application usually has all its pages
// below one element. Two groups of paths are one place wherever they are: files of a kind
// that attackers do not search for, and paths that begin or end like one that was missing
// for the client just before: a monitor requests the health page of each of thirty
// applications, a feed reader the feed of each blog. A page that existed before, and is now
// gone or needs a login, is also one place, because the client has a link to it. So is a
// link whose signature is no longer valid.
func (v *view) place() (string, bool) {
	p, ok := v.cleanPath()
	if !ok {
		return "", false
	}
	if place := v.linkedPlace(p); place != "" {
		return place, true
	}
	p = strings.ToLower(p)
	if i := scriptEnd(p); i > 0 {
		return p[:i], true
	}
	if part := wordpressPart(p); part != "" {
		return part, true
	}
	if strings.Contains(p, "/@v/") || strings.HasSuffix(p, "/@latest") {
		return "/@v", true // a proxy of Go modules: its first path elements are hosts
	}
	if isUnsought(p) || (isProgram(v.evt.UserAgent) || v.looksForModule()) && extension(p) == "" || isProvisioned(v.evt.UserAgent, p) {
		return "/stored", true
	}
	if v.missedBefore(p) {
		return "/again", true
	}
	return firstPlace(p), true
}

// linkedPlace returns the place for a path that a client can only have from a link, because
// it cannot be guessed. It is empty for other paths.
func (v *view) linkedPlace(p string) string {
	outcome, _ := v.outcome()
	switch {
	case outcome == outcomeMissing && v.wasThere():
		return "/gone"
	case isPrefetch(v.args):
		return "/prefetched"
	case outcome == outcomeRefused && v.isSignedLink():
		return "/ended"
	case isShortID(strings.TrimPrefix(p, "/")):
		return "/*"
	case isWikiTitle(p):
		return "/title"
	}
	return ""
}

// wordpressPart returns the place for a plugin or a theme of WordPress. It is the same for
// all of them if the path is a file deep inside one, as pages embed them. It is empty for
// other paths.
func wordpressPart(p string) string {
	for _, dir := range []string{"/wp-content/plugins/", "/wp-content/themes/", "/wp-includes/"} {
		site, rest, ok := strings.Cut(p, dir)
		if !ok {
			continue
		}
		name, inside, _ := strings.Cut(rest, "/")
		if strings.Contains(inside, "/") {
			name = ""
		}
		return site + dir + name
	}
	return ""
}

// firstPlace returns the place for the first element of a path.
func firstPlace(p string) string {
	first := template(p, 1)
	switch {
	case strings.HasPrefix(first, "/@"):
		return "/@" // scopes of packages, and names of people
	case isShard(p):
		return "/shard"
	case isTitle(first), isNamedPage(first):
		return "/title"
	}
	return first
}

// isSignedLink reports whether the query contains a signature of the address, as in
// temporary links to files in a store. If the store refuses it, the client does not learn
// whether the file exists.
func (v *view) isSignedLink() (signed bool) {
	const shortest = 16
	if !strings.Contains(v.args, "sig") && !strings.Contains(v.args, "Sig") {
		return false
	}
	eachPair(v.args[:min(len(v.args), maxTarget)], func(key, value string) {
		name := plainName(key)
		signed = signed || len(value) >= shortest && (strings.HasSuffix(name, "signature") || name == "sig" || name == "sign")
	})
	return signed
}

// isShortID reports whether the only element of a path is a random name, as in short links
// and pastes: a mix of upper and lower case letters and digits. No attacker has lists of
// these.
func isShortID(element string) bool {
	const shortest, longest = 5, 15
	if len(element) < shortest || len(element) > longest {
		return false
	}
	for i := range len(element) {
		if c := element[i] | 0x20; (c < 'a' || c > 'z') && (element[i] < '0' || element[i] > '9') {
			return false
		}
	}
	n := lettersOf(element)
	inner := strings.TrimRight(element, "0123456789")
	return n.digits > 0 && n.upper > 0 && n.lower > 0 && len(inner) > 0 && strings.ContainsAny(inner, "0123456789")
}

// isUnsought reports whether attackers do not search for files of that kind, or not in this
// folder.
func isUnsought(p string) bool {
	const deep = 4 // path elements: searches do not go deeper
	ext := extension(p)
	return ext != "" && (!isSoughtExt(ext) || strings.Count(p, "/") >= deep)
}

// isSoughtExt reports whether attackers search for files with the extension, or with a
// variant of it: php_old, bak2.
func isSoughtExt(ext string) bool {
	for _, script := range []string{"php", "asp", "jsp", "cgi"} {
		if strings.HasPrefix(ext, script) {
			return true
		}
	}
	return soughtExts.has(ext) || soughtExts.has(strings.TrimRight(ext, "0123456789_"))
}

// extension returns the extension of the last element, without the dot, or an empty text if
// it does not look like one.
func extension(p string) string {
	name := p[strings.LastIndexByte(p, '/')+1:]
	dot := strings.LastIndexByte(name, '.')
	const longest = 12
	if dot <= 0 || dot == len(name)-1 || len(name)-dot-1 > longest || '0' <= name[dot+1] && name[dot+1] <= '9' {
		return ""
	}
	ext := name[dot+1:]
	for i := range len(ext) {
		if c := ext[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '_' {
			return ""
		}
	}
	return ext
}

// soughtExts are the extensions of files that attackers search for.
var soughtExts = newStringSet(strings.Fields(`
	html htm shtml xhtml dhtml txt text md rst json json5 jsonp xml yml yaml toml ini inf conf cfg config cnf properties env rc
	log logs out err bak bak1 backup back bk old older orig original save saved sav copy cp tmp temp swp swo swn dist sample example
	default new prod dev test local stage inc include includes lst list csv tsv xls xlsx doc docx ppt pptx odt rtf pdf
	db db3 sqlite sqlite3 mdb accdb dbf sql mysql pgsql dump dmp rdb tar gz tgz bz2 tbz xz lzma zip zipx rar 7z z
	jar war ear class pem key pub crt cer csr pfx p12 der ppk jks keystore kdbx ovpn rdp git svn hg dat bin exe dll msi
	sh bash zsh bat cmd ps1 psm1 py pyc rb pl pm lua go java c h cs vb vbs ts tsx jsx vue asa asax ascx svc wsdl wadl xsd
	php3 php4 php5 php7 phps phar tpl twig ejs erb lock map rss atom passwd shadow htaccess htpasswd local secret credentials`)...)

// tail returns the last element of a path with several elements, after the folder of an
// identifier: issues/# for /team/issues/7. It is empty for the folder itself, and for names
// that attackers search for in many folders.
func tail(p string) string {
	slash := strings.LastIndexByte(p, '/')
	if slash <= 0 {
		return ""
	}
	name := p[slash+1:]
	stem, _, _ := strings.Cut(strings.TrimPrefix(name, "."), ".")
	switch {
	case len(name) > maxElement, soughtNames.has(stem), strings.HasPrefix(name, "index.htm"), strings.HasPrefix(name, "default.htm"):
		return ""
	default:
		name = template("/"+name, 1)[1:]
		if name == "*" || name == "#" {
			return folderOf(p[:slash], name)
		}
		return name
	}
}

// folderOf returns the name of a folder with its last element, unless the folder is at the
// top, or one that attackers search for.
func folderOf(dir, name string) string {
	slash := strings.LastIndexByte(dir, '/')
	if folder := dir[slash+1:]; slash > 0 && !soughtNames.has(folder) && len(folder) <= maxElement {
		return template("/"+folder, 1)[1:] + "/" + name
	}
	return ""
}

// soughtNames are names that attackers search for, without an extension.
var soughtNames = newStringSet(strings.Fields(`
	env git config configuration configs settings application web backup backups dump database db credentials secret secrets password passwords
	users admin administrator administration admins login signin logon console manager phpinfo phpmyadmin pma adminer wp-admin wp-login
	swagger swagger-ui openapi api-docs graphql graphiql actuator heapdump debug install setup upload uploads shell cmd
	composer package docker-compose dockerfile readme changelog license id_rsa server-status server-info test cgi-bin old bak tmp`)...)

// isShard reports whether a path spreads many files over folders that are named after the
// beginnings of their names: /se/rd/serde, /e3/39376465202fb3e54bdf….
func isShard(p string) bool {
	const longest = 3
	first, rest, _ := strings.Cut(strings.TrimPrefix(p, "/"), "/")
	last := rest[strings.LastIndexByte(rest, '/')+1:]
	if first == "" || len(first) > longest || last == "" {
		return false
	}
	return strings.Contains(rest, "/") && strings.HasPrefix(last, first) || isHexText(first) && len(last) >= 16 && isHexText(last)
}

func isHexText(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}
