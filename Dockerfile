# Caddy with tocsin in it, as a user without rights:
#
#	docker build -t tocsin .
#	docker run -p 80:80 -p 443:443 -p 443:443/udp -v tocsin_data:/data \
#		-v ./Caddyfile:/etc/tocsin/Caddyfile:ro tocsin
#
# The volume keeps certificates and decisions over restarts.
FROM golang:1.26-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 go build -trimpath -ldflags "-s -w" -o /out/usr/bin/tocsin ./cmd/tocsin \
	&& mkdir -p /out/etc/tocsin /out/data /out/config \
	&& cp .ci/debian/Caddyfile .ci/debian/blocklist.txt /out/etc/tocsin/

FROM gcr.io/distroless/static-debian12:nonroot
COPY --from=build /out/usr /usr
COPY --from=build /out/etc/tocsin /etc/tocsin
COPY --from=build --chown=nonroot:nonroot /out/data /data
COPY --from=build --chown=nonroot:nonroot /out/config /config
ENV XDG_DATA_HOME=/data XDG_CONFIG_HOME=/config
VOLUME /data
EXPOSE 80 443 443/udp
HEALTHCHECK --start-period=30s CMD ["/usr/bin/tocsin", "status"]
ENTRYPOINT ["/usr/bin/tocsin"]
CMD ["run", "--config", "/etc/tocsin/Caddyfile", "--adapter", "caddyfile"]
