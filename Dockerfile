# The image holds one static binary and what TLS needs, nothing else: no shell,
# no package manager. It runs as a user without rights on a root filesystem that
# may be read-only. /data is the only place it writes to that must outlive it;
# /tmp takes large uploads while they arrive.
#
#	docker build -t holdall .
#	docker run -d -p 8090:8090 -v holdall-data:/data --read-only --tmpfs /tmp holdall

# Where the binary is built, any image with Go and a shell will do.
ARG GO_IMAGE=golang:1.26-bookworm
# What it runs on. scratch is empty; a distroless or a company's own base works too.
ARG BASE=scratch

FROM ${GO_IMAGE} AS build
WORKDIR /src

# Modules change less often than code: they are a layer of their own.
COPY go.mod go.sum ./
RUN go mod download

COPY . .
ARG VERSION=dev
RUN CGO_ENABLED=0 go build -trimpath -tags timetzdata \
	-ldflags "-s -w -X main.version=${VERSION}" -o /rootfs/holdall .

RUN mkdir -p /empty /rootfs/tmp /rootfs/etc/ssl/certs \
	&& chmod 1777 /rootfs/tmp \
	&& cp /etc/ssl/certs/ca-certificates.crt /rootfs/etc/ssl/certs/ \
	&& echo 'holdall:x:65532:65532::/data:/sbin/nologin' > /rootfs/etc/passwd

FROM ${BASE}
ARG VERSION=dev
LABEL org.opencontainers.image.title="Holdall" \
	org.opencontainers.image.description="A field-service backend on PocketBase" \
	org.opencontainers.image.source="https://github.com/holdall-go/holdall" \
	org.opencontainers.image.version="${VERSION}"

COPY --from=build /rootfs/ /
# A volume takes over the owner of the folder that it is first mounted on.
COPY --from=build --chown=65532:65532 /empty /data

ENV HOLDALL_DIR=/data \
	HOLDALL_HTTP_ADDR=0.0.0.0:8090

USER 65532:65532
WORKDIR /data
VOLUME ["/data"]
EXPOSE 8090
# The binary asks itself: there is no shell and no curl that could.
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s --retries=3 \
	CMD ["/holdall", "health"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["/holdall"]
CMD ["serve"]
