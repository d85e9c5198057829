#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Builds the bnnaccel device for the installed, unmodified QEMU of Debian.
#
#   build.sh headers         the generated headers of that QEMU, cached
#   build.sh so OUTPUT.so    the device (makes the headers where absent)
#   build.sh dir             prints the folder of the cached headers
#
# Environment:
#   CC, CFLAGS            compiler and extra flags
#   QEMU_VERSION          Debian version of qemu-system-x86 to build for
#                         (default: the installed one)
#   QEMU_SOURCE           an unpacked source tree of that version; nothing is
#                         downloaded then
#   BNNACCEL_QEMU_CACHE   where to keep the headers
#                         (default: $XDG_CACHE_HOME/bnnaccel)
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
top=$(CDPATH='' cd -- "$here/.." && pwd)
cache=${BNNACCEL_QEMU_CACHE:-${XDG_CACHE_HOME:-${HOME:?HOME is not set}/.cache}/bnnaccel}

say() { echo "qemu-device: $*" >&2; }
die() { say "error: $*"; exit 1; }

need() {
	for tool; do
		command -v "$tool" >/dev/null 2>&1 || missing="${missing:-} $tool"
	done
	[ -z "${missing:-}" ] || die "missing programs:$missing (remedy:" \
		"apt-get install gcc pkg-config python3 meson ninja-build dpkg-dev" \
		"libglib2.0-dev libpixman-1-dev libfdt-dev zlib1g-dev)"
}

version() {
	v=${QEMU_VERSION:-}
	if [ -z "$v" ]; then
		v=$(dpkg-query -W -f '${Version}' qemu-system-x86 2>/dev/null) || v=
		[ -n "$v" ] || die "qemu-system-x86 is not installed" \
			"(remedy: apt-get install qemu-system-x86)"
	fi
	# A binary-only rebuild (+bN) has the same source.
	echo "$v" | sed 's/+b[0-9]*$//'
}

# deb-src lines for every Debian archive that this machine's apt knows.
source_list() {
	# shellcheck disable=SC2016 # apt's own variables
	apt-get indextargets --format \
		'$(REPO_URI)|$(CODENAME)|$(RELEASE)|$(COMPONENT)|$(SIGNED_BY)' \
		'Created-By: Packages' 'Origin: Debian' 'Component: main' |
	while IFS='|' read -r uri codename release component key; do
		case $key in /*) opt=" [signed-by=$key]" ;; *) opt= ;; esac
		case $release in '$'*|'') release=$codename ;; esac
		echo "deb-src$opt $uri $release $component"
	done | sort -u
}

fetch_source() { # version, folder: leaves the tree in folder/src
	ver=$1 work=$2
	need apt-get dpkg-source
	mkdir -p "$work/lists/partial" "$work/archives/partial"
	source_list >"$work/sources.list"
	[ -s "$work/sources.list" ] || die "apt knows no Debian archive" \
		"(remedy: apt-get update; or unpack the source of qemu $ver" \
		"yourself and set QEMU_SOURCE)"
	apt() {
		apt-get -q -o Dir::Etc::sourcelist="$work/sources.list" \
			-o Dir::Etc::sourceparts=/dev/null \
			-o Dir::State::Lists="$work/lists" \
			-o Dir::Cache::archives="$work/archives" \
			-o Dir::Cache::pkgcache="$work/p.bin" \
			-o Dir::Cache::srcpkgcache="$work/s.bin" \
			-o Debug::NoLocking=1 -o APT::Sandbox::User=root "$@"
	}
	say "fetching the source of qemu $ver (about 25 MB)"
	(cd "$work" && apt update && apt source --download-only "qemu=$ver") \
		>"$work/apt.log" 2>&1 || {
		tail -n 5 "$work/apt.log" >&2
		die "the source of qemu $ver could not be fetched (remedy: check the" \
			"network; if the archive has a newer version, apt-get update &&" \
			"apt-get install qemu-system-x86; or set QEMU_SOURCE to an" \
			"unpacked source tree of this version)"
	}
	dpkg-source -x "$work"/qemu_*.dsc "$work/src" >"$work/unpack.log" 2>&1 || {
		tail -n 5 "$work/unpack.log" >&2
		die "the source of qemu $ver could not be unpacked"
	}
}

headers() {
	ver=$(version)
	out=$cache/qemu-headers-$ver
	if [ -f "$out/complete" ]; then
		return
	fi
	need gcc pkg-config python3 meson ninja
	for pkg in glib-2.0 pixman-1 zlib; do
		pkg-config --exists "$pkg" || die "development files of $pkg are" \
			"missing (remedy: apt-get install libglib2.0-dev" \
			"libpixman-1-dev libfdt-dev zlib1g-dev)"
	done
	mkdir -p "$cache"
	work=$(mktemp -d "$cache/work.XXXXXX")
	trap 'rm -rf "$work"' EXIT
	trap 'exit 1' HUP INT TERM
	if [ -n "${QEMU_SOURCE:-}" ]; then
		[ -f "$QEMU_SOURCE/include/qemu/osdep.h" ] ||
			die "QEMU_SOURCE=$QEMU_SOURCE is not a QEMU source tree"
		src=$(CDPATH='' cd -- "$QEMU_SOURCE" && pwd)
	else
		fetch_source "$ver" "$work"
		src=$work/src
	fi
	say "generating the headers of qemu $ver"
	mkdir "$work/gen"
	# The system's own python3: one from another place that comes first in
	# PATH breaks the configure script of QEMU 7.2.
	(
		cd "$work/gen"
		PATH=/usr/sbin:/usr/bin:/sbin:/bin
		"$src/configure" --help >help 2>&1 || :
		more=
		for option in --enable-pixman --disable-download \
			--disable-install-blobs; do
			name=${option#--*able-}
			if grep -Eq "(able-|^  )$name( |\$)" help; then
				more="$more $option"
			fi
		done
		# shellcheck disable=SC2086
		"$src/configure" --target-list=x86_64-softmmu \
			--without-default-features --enable-system --enable-tcg \
			--enable-fdt=system --enable-plugins --disable-docs \
			--disable-tools --disable-guest-agent --disable-user $more
		# shellcheck disable=SC2046 # a list of targets
		ninja config-poison.h $(ninja -t targets all | grep -E \
			'^qapi/qapi-[a-z-]*-?(types|visit|events|commands)[a-z0-9-]*\.h:' |
			cut -d: -f1)
	) >"$work/configure.log" 2>&1 || {
		tail -n 15 "$work/configure.log" >&2
		die "QEMU's configure failed"
	}
	# Keep the headers only: 12 MB instead of 400.
	keep=$work/keep
	mkdir -p "$keep/gen/qapi" "$keep/src/tcg" "$keep/src/host"
	(cd "$work/gen" && find . -name '*.h' ! -path './meson-private/*') |
	while read -r f; do
		mkdir -p "$keep/gen/$(dirname "$f")"
		cp "$work/gen/$f" "$keep/gen/$f"
	done
	cp -R "$src/include" "$src/linux-headers" "$keep/src/"
	cp -R "$src/tcg/i386" "$keep/src/tcg/"
	for d in x86_64 generic; do
		if [ -d "$src/host/include/$d" ]; then
			mkdir -p "$keep/src/host/include"
			cp -R "$src/host/include/$d" "$keep/src/host/include/"
		fi
	done
	echo "$ver" >"$keep/complete"
	rm -rf "$out"
	# Another build may have been quicker; both results are the same.
	mv -T "$keep" "$out" 2>/dev/null || [ -f "$out/complete" ]
	rm -rf "$work"
	trap - EXIT
	say "headers are in $out"
}

so() {
	output=$1
	headers
	hdr=$cache/qemu-headers-$(version)
	need "${CC:-gcc}" pkg-config
	[ -f "$top/hw/spec/generated/bnn_hw.h" ] ||
		die "hw/spec/generated/bnn_hw.h is missing (remedy: build it from" \
			"the top folder with make)"
	mkdir -p "$(dirname "$output")"
	# Relative -I order matters: QEMU's generated headers come first.
	# shellcheck disable=SC2086,SC2046
	${CC:-gcc} -std=gnu11 -O2 -g -fPIC -shared -fvisibility=hidden \
		-fno-strict-aliasing -fwrapv -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 \
		-D_LARGEFILE_SOURCE -DBNNACCEL_PLUGIN \
		-Wall -Wundef -Wwrite-strings -Wmissing-prototypes \
		-Wstrict-prototypes -Wold-style-definition -Wtype-limits \
		-Wformat-security -Winit-self -Wempty-body -Wvla ${CFLAGS:-} \
		-I"$hdr/gen" -I"$hdr/gen/qapi" -I"$here" -I"$top/hw/include" \
		-I"$top/hw/spec" -I"$top/hw/spec/generated" \
		-isystem "$hdr/src/include" -isystem "$hdr/src/tcg/i386" \
		-isystem "$hdr/src/host/include/x86_64" \
		-isystem "$hdr/src/host/include/generic" \
		-isystem "$hdr/src/linux-headers" \
		$(pkg-config --cflags glib-2.0 pixman-1) \
		"$here/plugin.c" "$here/bnnaccel-front.c" -o "$output.tmp" -ldl
	mv "$output.tmp" "$output"
}

case ${1:-} in
headers) headers ;;
so) [ $# -eq 2 ] || die "usage: build.sh so OUTPUT.so"; so "$2" ;;
dir) echo "$cache/qemu-headers-$(version)" ;;
*) die "usage: build.sh headers | so OUTPUT.so | dir" ;;
esac
