"""Docker Hub's official images that people base theirs on: the names that need no team."""

OFFICIAL = frozenset(
    """
    almalinux alpine alt amazoncorretto amazonlinux archlinux bash buildpack-deps busybox caddy
    cassandra centos clearlinux clojure composer couchdb crate dart debian docker
    eclipse-temurin elasticsearch elixir erlang fedora flink gcc ghost golang gradle groovy haproxy
    haskell hello-world httpd hylang ibmjava influxdb jruby julia kibana lightstreamer logstash
    mageia mariadb maven memcached mongo mono mysql nats neo4j nextcloud nginx node openjdk
    opensuse oraclelinux perl photon php postgres pypy python r-base rabbitmq redis registry
    rethinkdb rockylinux ros ruby rust sapmachine satosa scratch solr sonarqube spark storm
    swift telegraf tomcat traefik ubuntu vault wordpress yourls zookeeper
    """.split()  # noqa: SIM905 - one name a line would be a page
)
