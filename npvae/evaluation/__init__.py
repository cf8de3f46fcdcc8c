"""What a trained model is worth: its evidence, its latent space, its anomalies."""

from npvae.evaluation.annealing import Sandwich, annealed_log_evidence, sandwich
from npvae.evaluation.anomaly import AnomalyDetector
from npvae.evaluation.contributions import Contributions
from npvae.evaluation.curves import (average_precision, confusion_matrix, precision_recall_curve,
                                     roc_auc, roc_curve)
from npvae.evaluation.detectors import fit_detector, load_detector
from npvae.evaluation.diagnosis import Diagnosis, diagnose
from npvae.evaluation.evidence import Evidence, bits_per_dimension, log_evidence, log_weights
from npvae.evaluation.gain import gain
from npvae.evaluation.inference import InferenceGap, calibration_ranks, inference_gap
from npvae.evaluation.latents import KLParts, LatentMoments, kl_parts, latent_moments
from npvae.evaluation.missing import Imputation, impute
from npvae.evaluation.pareto import pareto_shape

__all__ = ["log_evidence", "Evidence", "log_weights", "pareto_shape", "bits_per_dimension",
           "annealed_log_evidence", "sandwich", "Sandwich",
           "inference_gap", "InferenceGap", "calibration_ranks", "diagnose", "Diagnosis", "gain",
           "latent_moments", "LatentMoments", "kl_parts", "KLParts", "impute", "Imputation",
           "AnomalyDetector", "fit_detector", "load_detector", "Contributions",
           "roc_curve", "roc_auc", "precision_recall_curve",
           "average_precision", "confusion_matrix"]
