//! Exported files, on their way from the daemon to this machine: the protocol.
//!
//! The daemon lists and this side asks, the other way round than in [`super::files`]. Where things are put is the
//! affair of [`super::tree`].

use std::{
    path::PathBuf,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard},
};

use bollard_buildkit_proto::{
    fsutil::types::{Packet, packet::PacketType},
    moby::filesync::packet::file_send_server::FileSend,
};
use bytes::Bytes;
use tokio::{runtime::Handle, sync::mpsc};
use tokio_stream::{Stream, StreamExt, wrappers::UnboundedReceiverStream};
use tonic::{Request, Response, Status, Streaming, async_trait};

use super::{
    tree::{Tree, TreeError},
    trouble::{EXPORT, Trouble},
};
use crate::engine::Special;

/// What waits for an export. Docker 20.10 does not say which export it sends, so they run one at a time.
#[derive(Debug, Default)]
pub struct Exports(Mutex<Expected>);

/// What comes next.
#[derive(Debug, Default)]
pub enum Expected {
    /// Nothing that was asked for.
    #[default]
    Nothing,
    /// Files, into this directory.
    Files(PathBuf, Special),
    /// An archive, whose bytes are passed on.
    Archive(mpsc::Sender<Bytes>),
}

impl Exports {
    /// The next export goes there, or nowhere.
    pub fn expect(&self, next: Expected) {
        *self.lock() = next;
    }

    /// Whether an archive comes next.
    pub fn is_archive(&self) -> bool {
        matches!(*self.lock(), Expected::Archive(_))
    }

    /// Where the archive goes.
    pub fn take_archive(&self) -> Option<mpsc::Sender<Bytes>> {
        match std::mem::take(&mut *self.lock()) {
            Expected::Archive(into) => Some(into),
            _ => None,
        }
    }

    fn take_directory(&self) -> Option<(PathBuf, Special)> {
        match std::mem::take(&mut *self.lock()) {
            Expected::Files(dest, special) => Some((dest, special)),
            _ => None,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Expected> {
        self.0.lock().expect("no holder of this lock panics")
    }
}

/// The service.
#[derive(Clone)]
pub struct Receiver {
    /// What may be written.
    pub exports: Arc<Exports>,
    /// Where errors go.
    pub trouble: Trouble,
}

#[async_trait]
impl FileSend for Receiver {
    type DiffCopyStream = Pin<Box<dyn Stream<Item = Result<Packet, Status>> + Send>>;

    async fn diff_copy(
        &self,
        request: Request<Streaming<Packet>>,
    ) -> Result<Response<Self::DiffCopyStream>, Status> {
        let dest = self.exports.take_directory();
        let (dest, special) =
            dest.ok_or_else(|| Status::failed_precondition("nothing is to be exported"))?;
        let (answers, stream) = mpsc::unbounded_channel();
        let trouble = self.trouble.clone();
        let inbound = request.into_inner();
        let runtime = Handle::current();
        tokio::task::spawn_blocking(move || {
            if let Err(error) = receive(&runtime, inbound, (&dest, special), &answers) {
                trouble.note(EXPORT, &error.0);
                let packet = packet(PacketType::PacketErr, 0, error.0.into_bytes());
                let _ = answers.send(packet);
            }
        });
        let stream = UnboundedReceiverStream::new(stream).map(Ok);
        Ok(Response::new(Box::pin(stream)))
    }
}

fn packet(kind: PacketType, id: u32, data: Vec<u8>) -> Packet {
    Packet {
        r#type: kind.into(),
        id,
        data,
        ..Packet::default()
    }
}

/// Until the daemon ends the stream. An end before the end of the files is the daemon's error, which it reports itself.
fn receive(
    runtime: &Handle,
    mut inbound: Streaming<Packet>,
    (dest, special): (&std::path::Path, Special),
    answers: &mpsc::UnboundedSender<Packet>,
) -> Result<(), TreeError> {
    let mut tree = Tree::open(dest, special)?;
    let mut next = 0;
    let mut listed = false;
    let mut finished = false;
    while let Ok(Some(message)) = runtime.block_on(inbound.message()) {
        match message.r#type() {
            PacketType::PacketStat => match message.stat {
                Some(stat) => {
                    if tree.add(next, &stat)? {
                        let _ = answers.send(packet(PacketType::PacketReq, next, Vec::new()));
                    }
                    next += 1;
                }
                None => listed = true,
            },
            PacketType::PacketData => tree.write(message.id, &message.data)?,
            PacketType::PacketFin => return Ok(()),
            PacketType::PacketErr => {
                let text = String::from_utf8_lossy(&message.data).into_owned();
                return Err(TreeError(text));
            }
            PacketType::PacketReq => {}
        }
        // A daemon that hears of the end too early breaks the listing off.
        if listed && !finished && tree.is_complete() {
            finished = true;
            tree.finish()?;
            let _ = answers.send(packet(PacketType::PacketFin, 0, Vec::new()));
        }
    }
    Ok(())
}
