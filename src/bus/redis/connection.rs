//! A connection to a Redis server or cluster, and the commands that the bus needs of it. Made and used by the link,
//! which replaces it whenever anything fails, and for single commands.

use std::collections::HashMap;

use bytes::Bytes;
use futures_util::future::try_join_all;
use redis::aio::{AsyncPushSender, MultiplexedConnection};
use redis::cluster::ClusterClientBuilder;
use redis::cluster_async::ClusterConnection;
use redis::{
    AsyncConnectionConfig, Cmd, ConnectionAddr, ConnectionInfo, FromRedisValue, Pipeline, ProtocolVersion, RedisError,
    Value, cmd, from_redis_value,
};

use super::{Batch, RedisOptions};
use crate::bus::Channel;

/// See the module.
#[derive(Clone)]
pub(super) enum Connection {
    Server(MultiplexedConnection),
    Cluster(ClusterConnection),
}

impl Connection {
    /// Connects to the server that the options name. When that is away and was part of a cluster, `known` has the others
    /// of it as they last were.
    pub async fn open(
        options: &RedisOptions,
        known: &mut Vec<ConnectionInfo>,
        hear: impl AsyncPushSender + Clone,
    ) -> Result<Self, RedisError> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(options.patience))
            .set_response_timeout(Some(options.patience))
            .set_push_sender(hear.clone());
        match options.client()?.get_multiplexed_async_connection_with_config(&config).await {
            Ok(mut server) => {
                if !is_in_cluster(&mut server).await? {
                    return Ok(Self::Server(server));
                }
                *known = cluster_servers(&mut server, &options.server).await?;
            }
            Err(error) if known.is_empty() => return Err(error),
            Err(_) => {}
        }
        let mut builder = ClusterClientBuilder::new(known.clone())
            .use_protocol(ProtocolVersion::RESP3)
            .connection_timeout(options.patience)
            .response_timeout(options.patience)
            .retries(1)
            .push_sender(hear);
        if let Some(certificates) = options.authority() {
            builder = builder.certs(certificates);
        }
        Ok(Self::Cluster(builder.build()?.get_async_connection().await?))
    }

    /// Does a command.
    pub async fn run<T: FromRedisValue>(&self, command: Cmd) -> Result<T, RedisError> {
        match self {
            Self::Server(server) => command.query_async(&mut server.clone()).await,
            Self::Cluster(cluster) => command.query_async(&mut cluster.clone()).await,
        }
    }

    pub async fn carry_out(&self, options: &RedisOptions, batch: &Batch) -> Result<(), RedisError> {
        let (subscribed, unsubscribed, published) = tokio::join!(
            self.subscribe(options, &batch.subscribe),
            self.unsubscribe(options, &batch.unsubscribe),
            self.publish(options, &batch.publish),
        );
        subscribed.and(unsubscribed).and(published)
    }

    async fn publish(&self, options: &RedisOptions, messages: &[(Channel, Bytes)]) -> Result<(), RedisError> {
        if messages.is_empty() {
            return Ok(());
        }
        match self {
            Self::Server(server) => {
                let mut pipeline = Pipeline::with_capacity(messages.len());
                for (channel, message) in messages {
                    pipeline.cmd("PUBLISH").arg(options.name(channel)).arg(&message[..]).ignore();
                }
                pipeline.exec_async(&mut server.clone()).await
            }
            // What goes to different servers keeps no order; what is said in one room must.
            Self::Cluster(cluster) => {
                let mut pipelines = HashMap::<&Channel, Pipeline>::new();
                for (channel, message) in messages {
                    let pipeline = pipelines.entry(channel).or_default();
                    pipeline.cmd("SPUBLISH").arg(options.name(channel)).arg(&message[..]).ignore();
                }
                let sent = pipelines.into_values().map(|pipeline| {
                    let mut cluster = cluster.clone();
                    async move { pipeline.exec_async(&mut cluster).await }
                });
                try_join_all(sent).await.map(drop)
            }
        }
    }

    pub async fn subscribe(&self, options: &RedisOptions, channels: &[Channel]) -> Result<(), RedisError> {
        self.listen(options, channels, ["SUBSCRIBE", "SSUBSCRIBE"]).await
    }

    async fn unsubscribe(&self, options: &RedisOptions, channels: &[Channel]) -> Result<(), RedisError> {
        self.listen(options, channels, ["UNSUBSCRIBE", "SUNSUBSCRIBE"]).await
    }

    /// How many connections hear each channel, this one included.
    pub async fn count(&self, options: &RedisOptions, channels: &[&Channel]) -> Result<Vec<usize>, RedisError> {
        if channels.is_empty() {
            return Ok(Vec::new());
        }
        let name = match self {
            Self::Server(_) => "NUMSUB",
            Self::Cluster(_) => "SHARDNUMSUB",
        };
        let names: Vec<Vec<u8>> = channels.iter().map(|channel| options.name(channel)).collect();
        let mut command = cmd("PUBSUB");
        command.arg(name).arg(&names);
        let counts: HashMap<Vec<u8>, usize> = self.run(command).await?;
        Ok(names.iter().map(|name| counts.get(name).copied().unwrap_or_default()).collect())
    }

    async fn listen(&self, options: &RedisOptions, channels: &[Channel], names: [&str; 2]) -> Result<(), RedisError> {
        if channels.is_empty() {
            return Ok(());
        }
        match self {
            Self::Server(server) => {
                let mut command = cmd(names[0]);
                for channel in channels {
                    command.arg(options.name(channel));
                }
                command.exec_async(&mut server.clone()).await
            }
            // Channels of one command would have to be of one slot.
            Self::Cluster(cluster) => {
                let done = channels.iter().map(|channel| {
                    let (mut cluster, mut command) = (cluster.clone(), cmd(names[1]));
                    command.arg(options.name(channel));
                    async move { command.exec_async(&mut cluster).await }
                });
                try_join_all(done).await.map(drop)
            }
        }
    }
}

/// What a server says of itself when it is greeted; whoever may do nothing else may do that.
async fn is_in_cluster(server: &mut MultiplexedConnection) -> Result<bool, RedisError> {
    let about: HashMap<String, Value> = cmd("HELLO").query_async(server).await?;
    Ok(about.get("mode").is_some_and(|mode| *mode == Value::BulkString(b"cluster".to_vec())))
}

/// All servers of a cluster, as one of them knows them, which was reached as `told` says.
async fn cluster_servers(
    server: &mut MultiplexedConnection,
    told: &ConnectionInfo,
) -> Result<Vec<ConnectionInfo>, RedisError> {
    // Each range of slots is its first, its last, and who serves it.
    let ranges: Vec<Vec<Value>> = cmd("CLUSTER").arg("SLOTS").query_async(server).await?;
    let mut servers = vec![told.clone()];
    for listed in ranges.into_iter().flat_map(|range| range.into_iter().skip(2)) {
        let listed: Vec<Value> = from_redis_value(listed)?;
        let mut listed = listed.into_iter();
        let (Some(host), Some(port)) = (listed.next(), listed.next()) else { continue };
        // A server that does not know its own name says none.
        let Some(host) = from_redis_value::<Option<String>>(host)?.filter(|host| !host.is_empty()) else { continue };
        let port = from_redis_value(port)?;
        let address = match told.addr() {
            ConnectionAddr::TcpTls { insecure, tls_params, .. } => {
                ConnectionAddr::TcpTls { host, port, insecure: *insecure, tls_params: tls_params.clone() }
            }
            _ => ConnectionAddr::Tcp(host, port),
        };
        servers.push(told.clone().set_addr(address));
    }
    Ok(servers)
}
