FROM python:3.12-slim

RUN useradd --system --uid 10001 --home-dir /data --shell /usr/sbin/nologin dialwheel \
    && install -d -o dialwheel -g dialwheel -m 700 /data

WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY scheduler/ scheduler/
COPY dialer/ dialer/
COPY api/ api/
COPY bench/ bench/
COPY lua/ lua/
RUN pip install --no-cache-dir . && rm -rf /src/*

USER dialwheel
WORKDIR /data
ENV DIALWHEEL_DATA_DIR=/data DIALWHEEL_LOG_FORMAT=json PYTHONUNBUFFERED=1
EXPOSE 8080 8090
ENTRYPOINT ["dialwheel"]
CMD ["--help"]
