# The MinIO server from its Go module: its repository is archived and its binaries are gone, so it is built here.
FROM docker.io/library/golang:1.25.3-trixie AS construccion
# The last commit of its repository; the Go checksum database vouches for its bytes.
ARG MINIO=v0.0.0-20260212201848-7aac2a2c5b7c
RUN CGO_ENABLED=0 go install -trimpath -ldflags="-s -w" github.com/minio/minio@${MINIO}

FROM docker.io/library/debian:trixie-20251020-slim
COPY --from=construccion /go/bin/minio /usr/local/bin/minio
RUN install -d -o 10001 -g 10001 -m 0700 /datos
USER 10001:10001
ENTRYPOINT ["minio"]
